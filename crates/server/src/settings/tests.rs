//! Precedence, bounds and refusals of settings, and that what is printed is read back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;

use super::*;

/// What one start is given.
#[derive(Default)]
struct Given {
    flags: BTreeMap<String, OsString>,
    variables: BTreeMap<String, OsString>,
    file: Option<tempfile::NamedTempFile>,
}

impl Given {
    fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.insert(name.to_owned(), value.into());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    fn file(mut self, content: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        self.flags.insert("config".to_owned(), file.path().into());
        self.file = Some(file);
        self
    }

    fn read<T>(
        &self,
        read: impl Fn(&Sources<'_>) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        let environment = |name: &str| self.variables.get(name).cloned();
        read(&Sources::gather(&self.flags, &environment)?)
    }

    fn settings(&self) -> Result<Settings, SettingsError> {
        self.read(Settings::resolve)
    }

    fn refusal(&self) -> String {
        self.settings().unwrap_err().to_string()
    }
}

#[test]
fn without_any_source_the_documented_defaults_hold() {
    let settings = Given::default().settings().unwrap();
    assert_eq!(settings.data, PathBuf::from("./strandline-data"));
    assert_eq!(settings.grpc.to_string(), "127.0.0.1:7700");
    assert_eq!(settings.peer.to_string(), "127.0.0.1:7701");
    assert_eq!(settings.http.to_string(), "127.0.0.1:7702");
    assert_eq!(settings.advertise_grpc, None);
    assert!(settings.is_alone());
    assert_eq!(settings.initial_brokers, 1);
    assert_eq!(settings.cluster_name, "strandline");
    assert!(settings.auto_create_topics);
    assert_eq!(settings.retention_check_interval, Duration::from_secs(30));
    assert_eq!(settings.log_format, LogFormat::Text);
}

#[test]
fn a_flag_beats_a_variable_which_beats_the_file_which_beats_the_default() {
    let file = Given::default().file("id = 3");
    assert_eq!(file.settings().unwrap().id, 3);
    let variable = file.variable("STRAND_ID", "2");
    assert_eq!(variable.settings().unwrap().id, 2);
    let flag = variable.flag("id", "1");
    assert_eq!(flag.settings().unwrap().id, 1);
}

#[test]
fn the_file_is_found_by_the_environment_too() {
    let given = Given::default().file("id = 3");
    let path = given.flags["config"].to_str().unwrap().to_owned();
    let other = Given::default().variable("STRAND_CONFIG", &path);
    assert_eq!(other.settings().unwrap().id, 3);
}

#[test]
fn rust_log_counts_but_less_than_our_own_variable() {
    let given = Given::default()
        .file("log_level = 'warn'")
        .variable("RUST_LOG", "debug");
    assert_eq!(given.settings().unwrap().log_level, "debug");
    let given = given.variable("STRAND_LOG_LEVEL", "error");
    assert_eq!(given.settings().unwrap().log_level, "error");
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    assert_eq!(
        Given::default()
            .variable("STRAND_ID", "")
            .settings()
            .unwrap()
            .id,
        0
    );
}

#[test]
fn every_setting_refuses_what_is_out_of_its_bounds_and_names_setting_value_bounds_and_source() {
    let address = [
        "", "x", "x:", ":1", "x:65536", "x:-1", "x:+1", "a b:1", "::1:7", "[x]:1", "[::1:7",
    ];
    let number = ["", "x", "-1", "1.5", "1x", "18446744073709551616"];
    let bytes = ["", "0", "x", "-1", "16MB", "99999999999999GiB"];
    let duration = ["", "x", "-1s", "5", "1y", "99999999999d"];
    let table: &[(&str, &[&[&str]])] = &[
        ("data", &[&[""]]),
        ("id", &[&number, &["2147483648"]]),
        ("grpc", &[&address]),
        ("peer", &[&address]),
        ("http", &[&address]),
        ("advertise_grpc", &[&address, &["x:0", "{host}:1"]]),
        ("advertise_peer", &[&address, &["x:0", "{hostname:1"]]),
        ("cluster_peers", &[&address, &["x:0", "x:1,", "x:1;y:1"]]),
        ("initial_brokers", &[&number, &["0", "1001"]]),
        ("cluster_name", &[&["", "a b", &"x".repeat(256)]]),
        ("rack", &[&["", "a b", &"x".repeat(256)]]),
        ("election_timeout", &[&duration, &["49ms", "61s"]]),
        ("heartbeat_interval", &[&duration, &["9ms", "21s"]]),
        (
            "catch_up_bytes_per_second",
            &[&bytes, &["1048575", "65GiB"]],
        ),
        ("auto_create_topics", &[&["", "yes", "1", "TRUE"]]),
        ("default_partitions", &[&number, &["0", "10001"]]),
        ("retention_check_interval", &[&duration, &["9ms", "367d"]]),
        ("producer_expiry", &[&duration, &["999ms", "367d"]]),
        ("scrub_interval", &[&duration, &["9ms", "367d"]]),
        ("scrub_bytes_per_second", &[&bytes, &["65535", "65GiB"]]),
        ("message_bytes_max", &[&bytes, &["65535", "129MiB"]]),
        ("request_bytes_max", &[&bytes, &["1048575", "1025GiB"]]),
        (
            "produce_bytes_in_flight_max",
            &[&bytes, &["63MiB", "65GiB"]],
        ),
        ("fetch_bytes_max", &[&bytes, &["1023", "2GiB"]]),
        ("fetch_bytes_in_flight_max", &[&bytes, &["63MiB", "65GiB"]]),
        ("fetch_wait_max", &[&duration, &["0ms", "61m"]]),
        ("uncommitted_bytes_max", &[&bytes, &["1048575", "1025GiB"]]),
        ("connections_max", &[&number, &["0", "1000001"]]),
        ("calls_max", &[&number, &["15", "10000001"]]),
        ("streams_per_connection_max", &[&number, &["0", "100001"]]),
        ("cores", &[&number, &["0", "1025"]]),
        ("sync_threads", &[&number, &["0", "257"]]),
        ("open_segments_max", &[&number, &["15", "1000001"]]),
        ("shutdown_timeout", &[&duration, &["9ms", "601s"]]),
        ("log_level", &[&["", "broker=loud", "a=b=c"]]),
        ("log_format", &[&["", "xml", "TEXT"]]),
    ];
    let tested: Vec<_> = table.iter().map(|(name, _)| *name).collect();
    let all: Vec<_> = table::ALL.iter().map(|setting| setting.name()).collect();
    assert_eq!(tested, all, "every setting has a row, in the table's order");
    for ((name, values), setting) in table.iter().zip(table::ALL) {
        for value in values.iter().copied().flatten() {
            let refusal = Given::default().flag(name, value).refusal();
            for part in [*name, &format!("{value:?}"), &setting.bounds(), "flag --"] {
                assert!(refusal.contains(part), "{part} is not in: {refusal}");
            }
        }
    }
}

#[test]
fn the_bounds_themselves_are_allowed() {
    for (name, value) in [
        ("id", "2147483647"),
        ("grpc", "[::1]:0"),
        ("http", "some-host.example:65535"),
        ("default_partitions", "10000"),
        ("retention_check_interval", "10ms"),
        ("retention_check_interval", "366d"),
        ("message_bytes_max", "64KiB"),
        ("message_bytes_max", "128MiB"),
        ("cores", "1"),
        ("sync_threads", "256"),
        ("open_segments_max", "16"),
        ("shutdown_timeout", "10ms"),
        ("shutdown_timeout", "600s"),
        ("log_level", "info,broker=debug"),
        ("cluster_peers", "a:1, b:2,[::1]:3"),
        ("advertise_grpc", "{hostname}.strand-{id}.svc:7700"),
        ("initial_brokers", "1"),
        ("election_timeout", "60s"),
        ("heartbeat_interval", "10ms"),
    ] {
        let settings = Given::default().flag(name, value).settings();
        assert!(settings.is_ok(), "{name} = {value}: {settings:?}");
    }
}

#[test]
fn a_refusal_names_who_gave_the_value() {
    let refusal = Given::default().variable("STRAND_CORES", "many").refusal();
    assert_eq!(
        refusal,
        "cores = \"many\" (environment variable STRAND_CORES): it must be a number from 1 to 1024"
    );
    let refusal = Given::default().file("cores = 0").refusal();
    assert!(refusal.starts_with("cores = \"0\" (file /"), "{refusal}");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let refusal = Given::default().file("gprc = '127.0.0.1:1'").refusal();
    assert!(
        refusal.contains(": gprc is not a setting; did you mean grpc?"),
        "{refusal}"
    );
    let refusal = Given::default().file("completely_different = 1").refusal();
    assert!(
        refusal.contains("completely_different is not a setting; `strand"),
        "{refusal}"
    );
}

#[test]
fn a_file_that_is_missing_or_no_toml_or_has_tables_is_refused_by_name() {
    let refusal = Given::default()
        .flag("config", "/no/such/file.toml")
        .refusal();
    assert!(
        refusal.contains("/no/such/file.toml cannot be read"),
        "{refusal}"
    );
    let given = Given::default().file("id = = 3");
    assert!(
        given
            .refusal()
            .contains("is not TOML: TOML parse error at line 1"),
        "{}",
        given.refusal()
    );
    let refusal = Given::default().file("[grpc]\nport = 1").refusal();
    assert!(refusal.contains("grpc is a TOML table"), "{refusal}");
    let refusal = Given::default().file("cores = 1.5").refusal();
    assert!(refusal.contains("cores is a TOML float"), "{refusal}");
    let refusal = Given::default().file(&"#".repeat((1 << 20) + 1)).refusal();
    assert!(refusal.contains("more than 1048576 bytes"), "{refusal}");
}

#[test]
fn two_listeners_cannot_have_one_address_but_any_number_may_have_port_0() {
    let refusal = Given::default().flag("http", "127.0.0.1:7700").refusal();
    assert_eq!(
        refusal,
        "grpc and http are both 127.0.0.1:7700; give each a port of its own"
    );
    let given = Given::default()
        .flag("http", "127.0.0.1:0")
        .flag("grpc", "127.0.0.1:0");
    assert!(given.settings().is_ok());
}

#[test]
fn arriving_requests_have_room_for_two_messages() {
    let given = Given::default()
        .flag("message_bytes_max", "2MiB")
        .flag("request_bytes_max", "3MiB");
    assert_eq!(
        given.refusal(),
        "request_bytes_max = 3145728 bytes is too small for message_bytes_max = 2097152 bytes; it must be at \
         least 4194304"
    );
}

#[test]
fn what_is_printed_is_read_back_to_the_same_settings() {
    let given = Given::default()
        .file("data = 'some \"odd\" dir'\ncores = 3\nshutdown_timeout = '1500ms'")
        .variable("STRAND_ADVERTISE_GRPC", "[2001:db8::1]:7700")
        .flag("log_format", "json")
        .flag("message_bytes_max", "1048588");
    let printed = given.read(print::print_config).unwrap();
    let again = Given::default().file(&printed);
    assert_eq!(again.settings().unwrap(), given.settings().unwrap());
    assert!(
        printed.contains("log_format = \"json\"  # from: flag --log-format"),
        "{printed}"
    );
    assert!(
        printed.contains("# from: environment variable STRAND_ADVERTISE_GRPC"),
        "{printed}"
    );
    assert!(
        printed.contains("auto_create_topics = true  # from: default"),
        "{printed}"
    );
}

#[test]
fn what_is_printed_of_the_defaults_is_read_back_too() {
    let printed = Given::default().read(print::print_config).unwrap();
    let again = Given::default().file(&printed);
    assert_eq!(
        again.settings().unwrap(),
        Given::default().settings().unwrap()
    );
}

#[test]
fn addresses_to_advertise_are_filled_in_with_the_number() {
    let given = Given::default()
        .flag("id", "4")
        .flag("advertise_grpc", "strand-{id}.svc:7700")
        .flag("advertise_peer", "strand-{id}.peers:7701");
    let settings = given.settings().unwrap();
    let shown = |address: Option<ListenAddress>| address.unwrap().to_string();
    assert_eq!(shown(settings.advertise_grpc), "strand-4.svc:7700");
    assert_eq!(shown(settings.advertise_peer), "strand-4.peers:7701");
}

#[test]
fn a_peer_that_is_listed_twice_is_refused_by_name() {
    let refusal = Given::default()
        .flag("cluster_peers", "a:1,b:1,a:1")
        .refusal();
    assert!(refusal.contains("a:1 stands in it twice"), "{refusal}");
}

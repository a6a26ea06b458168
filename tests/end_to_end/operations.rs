//! Running a broker: health, metrics, locks, ports, stopping, settings, completions, exit codes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use strandline_tests::harness::{
    Broker, Ran, TIMEOUT, eventually, get, run, strand, strand_binary,
};

/// Starts a second broker that must fail.
#[track_caller]
fn fails_to_start(flags: &[&str]) -> Ran {
    let ports = ["broker", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    strand(&[&ports, flags].concat(), b"")
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let broker = Broker::start();
    broker
        .strand_in(&["produce", "seen", "--partition", "0"], b"one\ntwo\n")
        .ok();
    assert_eq!(get(broker.http(), "/healthz").unwrap().status, 200);
    let ready = get(broker.http(), "/readyz").unwrap();
    assert_eq!(ready.status, 200, "{ready:?}");
    let metrics = get(broker.http(), "/metrics").unwrap();
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.headers.contains("text/plain"),
        "{}",
        metrics.headers
    );
    let is_sample = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let samples: Vec<_> = metrics.body.lines().filter(is_sample).collect();
    assert!(!samples.is_empty(), "no metric in {}", metrics.body);
    for sample in samples {
        let value = sample
            .rsplit(' ')
            .next()
            .and_then(|value| value.parse::<f64>().ok());
        assert!(value.is_some(), "not a sample: {sample}");
    }
    let records = metrics
        .body
        .lines()
        .find(|line| line.contains("produce") && line.contains("record"));
    assert!(
        records.is_some(),
        "produced records are counted in {}",
        metrics.body
    );
    assert_eq!(get(broker.http(), "/nothing").unwrap().status, 404);
}

#[test]
fn a_broker_is_ready_only_once_everything_acknowledged_before_can_be_read() {
    let mut broker = Broker::start();
    broker
        .strand(&["topic", "create", "many", "--partitions", "8"])
        .ok();
    broker.strand_in(&["produce", "many"], b"a\nb\nc\n").ok();
    for _ in 0..3 {
        broker.kill();
        broker.restart();
        eventually("readiness", || {
            (get(broker.http(), "/readyz")?.status == 200).then_some(())
        });
        let read = broker
            .strand(&[
                "consume",
                "many",
                "--from-beginning",
                "--until-end",
                "--json",
            ])
            .ok();
        assert_eq!(read.json_lines().len(), 3);
    }
}

#[test]
fn a_second_broker_on_the_same_data_is_refused_and_told_the_process_id_of_the_first() {
    let broker = Broker::start();
    let refused = fails_to_start(&["--data", broker.data().to_str().unwrap()]).exits(7);
    let pid = broker.pid().to_string();
    assert!(
        refused.stderr.contains(&pid),
        "process id {pid} is not in: {}",
        refused.stderr
    );
    broker.strand(&["topic", "list"]).ok();
}

#[test]
fn a_port_in_use_is_named() {
    let broker = Broker::start();
    let home = tempfile::tempdir().unwrap();
    for (flag, taken) in [("--grpc", broker.grpc()), ("--http", broker.http())] {
        let mut command = Command::new(strand_binary());
        command
            .args(["broker", "--data"])
            .arg(home.path().join("data"));
        for listener in ["--grpc", "--http"] {
            command.args([
                listener,
                if listener == flag {
                    taken
                } else {
                    "127.0.0.1:0"
                },
            ]);
        }
        let refused = run(command, b"", TIMEOUT).exits(1);
        assert!(
            refused.stderr.contains(taken),
            "{taken} is not in: {}",
            refused.stderr
        );
    }
}

#[test]
fn a_foreign_directory_is_refused_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("thesis.txt"), "ten years of work").unwrap();
    let refused = fails_to_start(&["--data", home.path().to_str().unwrap()]).exits(7);
    assert!(refused.stderr.contains("thesis.txt"), "{}", refused.stderr);
    let names: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["thesis.txt"]);
}

#[test]
fn a_directory_of_a_newer_format_is_refused() {
    let mut broker = Broker::start();
    broker.terminate();
    let identity = broker.data().join("strandline");
    let text = fs::read_to_string(&identity).unwrap();
    let newer = text.replacen("strandline-data 3\n", "strandline-data 99\n", 1);
    assert_ne!(newer, text);
    fs::write(&identity, newer).unwrap();
    let refused = fails_to_start(&["--data", broker.data().to_str().unwrap()]).exits(7);
    assert!(refused.stderr.contains("99"), "{}", refused.stderr);
}

#[test]
fn a_signal_stops_a_broker_under_load_within_seconds() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut broker = Broker::start();
        let mut produce = broker.command(&["bench", "produce", "load", "--records", "100000000"]);
        produce
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let (mut load, _) = strandline_tests::harness::Running::spawn(&mut produce);
        eventually("some load", || {
            let topic = broker.strand(&["topic", "describe", "load", "--json"]);
            let high_watermark =
                |topic: &Ran| topic.json()["partitions"][0]["high_watermark"].as_u64();
            (topic.code == 0 && high_watermark(&topic)? > 1_000).then_some(())
        });
        let ended = broker.stop(signal);
        assert_eq!(
            ended.code,
            Some(0),
            "{signal:?}; its log:\n{}",
            broker.log()
        );
        assert!(
            ended.took < Duration::from_secs(8),
            "{signal:?} took {:?}",
            ended.took
        );
        load.kill();
        broker.restart();
        assert_eq!(broker.terminate().code, Some(0));
    }
}

#[test]
fn print_config_shows_the_settings_with_their_sources_and_starts_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("strand.toml");
    fs::write(&file, "default_partitions = 3\nhttp = \"127.0.0.1:1234\"\n").unwrap();
    let data = home.path().join("data");
    let mut command = Command::new(strand_binary());
    command
        .args([
            "broker",
            "--print-config",
            "--grpc",
            "127.0.0.1:4321",
            "--config",
        ])
        .arg(&file);
    command.arg("--data").arg(&data);
    let printed = run(command, b"", TIMEOUT).ok().text();
    for line in [
        "default_partitions = 3",
        "http = \"127.0.0.1:1234\"",
        "grpc = \"127.0.0.1:4321\"",
    ] {
        assert!(printed.contains(line), "`{line}` is not in:\n{printed}");
    }
    assert!(!data.exists(), "nothing was started");
    // What it prints is a config file: read back, it means the same.
    let again = home.path().join("again.toml");
    fs::write(&again, &printed).unwrap();
    let mut command = Command::new(strand_binary());
    command
        .args(["broker", "--print-config", "--config"])
        .arg(&again);
    let values = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        lines
            .map(|line| line.split("  #").next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(
        values(&run(command, b"", TIMEOUT).ok().text()),
        values(&printed)
    );
}

#[test]
fn a_bad_setting_is_a_usage_error_that_names_it_and_its_bounds() {
    let refused = fails_to_start(&["--default-partitions", "0"]).exits(2);
    assert!(
        refused.stderr.contains("default") && refused.stderr.contains('1'),
        "{}",
        refused.stderr
    );
    let refused = fails_to_start(&["--no-such-flag"]).exits(2);
    assert!(
        refused.stderr.contains("--no-such-flag"),
        "{}",
        refused.stderr
    );
}

#[test]
fn completions_exist_for_the_common_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = strand(&["completions", shell], b"").ok().text();
        assert!(
            script.contains("strand") && script.contains("consume"),
            "{shell}: {script}"
        );
    }
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = strand(&["--help"], b"").ok().text();
    let codes = help
        .split_once("Exit codes:")
        .expect("the help lists exit codes")
        .1;
    for code in 0..=7 {
        let listed = codes
            .lines()
            .any(|line| line.trim_start().starts_with(&format!("{code} ")));
        assert!(listed, "exit code {code} is not in:\n{codes}");
    }
}

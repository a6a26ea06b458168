//! What is deployed: the static binary as the image holds it, in an empty read-only root, as an unprivileged user.
//!
//! There is no container engine in a test run; Linux' own means make the same surroundings. They need root, and
//! `STRAND_STATIC_BINARY`: `deploy/image/build-static dev target/static` builds one.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod empty_root;
mod name_server;

use std::fs;
use std::net::Ipv4Addr;

use empty_root::{EmptyRoot, VOLUME};
use strandline_tests::harness::{Broker, TIMEOUT, eventually, get, run, skip};

/// An address for each test's name server, beside those that the machine's own may have.
const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);

#[test]
fn the_static_binary_serves_from_an_empty_read_only_root_as_a_user_without_rights() {
    let root = match EmptyRoot::with("broker-0", &NAME_SERVER.to_string()) {
        Ok(root) => root,
        Err(reason) => return skip("the static binary in an empty root", reason),
    };
    let names = vec![("brokers.test".to_owned(), vec![Ipv4Addr::LOCALHOST])];
    name_server::serve(NAME_SERVER, names).expect("root may bind port 53");
    let mut broker = Broker::start_as(root.plan());
    assert_is_unprivileged(broker.pid());

    // Clients run in the same kind of root, and find the broker by a name that only the DNS knows.
    let (_, port) = broker.grpc().rsplit_once(':').unwrap();
    let server = format!("brokers.test:{port}");
    let strand = |arguments: &[&str], input: &[u8]| {
        let command = root.command(&[arguments, &["--server", &server]].concat());
        run(command, input, TIMEOUT)
    };
    strand(&["produce", "greetings"], b"one\ntwo\n").ok();
    let consume = ["consume", "greetings", "--from-beginning", "--until-end"];
    assert_eq!(strand(&consume, b"").ok().text(), "one\ntwo\n");

    let ended = broker.terminate();
    assert_eq!(ended.code, Some(0), "{}", broker.log());
    broker.restart();
    eventually("readiness", || {
        (get(broker.http(), "/readyz")?.status == 200).then_some(())
    });
    let again = broker.strand(&consume).ok();
    assert_eq!(again.text(), "one\ntwo\n");

    let outside_the_volume: Vec<_> = fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["proc", "dev", "etc", "var", "strand"].contains(&name.as_str()))
        .collect();
    assert!(outside_the_volume.is_empty(), "{outside_the_volume:?}");
}

#[test]
fn a_root_that_cannot_be_written_to_is_named_where_the_data_should_go() {
    let root = match EmptyRoot::with("broker-0", &NAME_SERVER.to_string()) {
        Ok(root) => root,
        Err(reason) => return skip("data outside the volume", reason),
    };
    let outside = ["broker", "--grpc=127.0.0.1:0", "--http=127.0.0.1:0"];
    let refused = run(
        root.command(&[&outside[..], &["--data=/elsewhere"]].concat()),
        b"",
        TIMEOUT,
    );
    assert_ne!(refused.code, 0, "{VOLUME} alone can be written to");
    assert!(refused.stderr.contains("/elsewhere"), "{refused}");
}

/// The process has an unprivileged user, no capability, and can gain none.
#[track_caller]
fn assert_is_unprivileged(pid: u32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("Uid:"), ["65532"; 4]);
    assert_eq!(of("Gid:"), ["65532"; 4]);
    assert_eq!(of("Groups:"), [""; 0]);
    assert_eq!(of("CapEff:"), ["0000000000000000"]);
    assert_eq!(of("NoNewPrivs:"), ["1"]);
}

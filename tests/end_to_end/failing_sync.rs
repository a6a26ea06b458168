//! A sync that fails is final: never an acknowledgement, a clear error, reads go on.

use strandline_tests::harness::{Broker, TamperedSyncs, skip};

const TOPIC: &str = "synced";

#[track_caller]
fn assert_reads(broker: &Broker, expected: &[u8]) {
    let read = broker
        .strand(&["consume", TOPIC, "--from-beginning", "--until-end"])
        .ok();
    assert_eq!(
        String::from_utf8_lossy(&read.stdout),
        String::from_utf8_lossy(expected)
    );
}

#[test]
fn a_failed_sync_is_never_acknowledged_reads_go_on_and_a_restart_finds_what_was() {
    let mut broker = Broker::start();
    broker.strand(&["topic", "create", TOPIC]).ok();
    broker.strand_in(&["produce", TOPIC], b"before\n").ok();
    let failing = match TamperedSyncs::attach(broker.pid(), "error=EIO") {
        Ok(failing) => failing,
        Err(lacking) => return skip("the failing sync", &lacking),
    };

    let produce = ["produce", TOPIC, "--json", "--timeout", "5s"];
    let refused = broker.strand_in(&produce, b"during\n");
    assert_ne!(refused.code, 0, "{refused}");
    assert_eq!(refused.text(), "", "nothing may be acknowledged");
    assert_reads(&broker, b"before\n");

    failing.detach();
    let refused = broker.strand_in(&produce, b"after\n");
    let error = refused.exits(5).json_error();
    assert_eq!(
        error["reason"], "PARTITION_STOPPED",
        "a failed sync is final: {error}"
    );
    let message = error["error"].as_str().unwrap().to_lowercase();
    assert!(message.contains("sync"), "the error says why: {message}");
    assert_reads(&broker, b"before\n");

    broker.kill();
    broker.restart();
    let read = broker
        .strand(&["consume", TOPIC, "--from-beginning", "--until-end"])
        .ok()
        .text();
    let lines: Vec<_> = read.lines().collect();
    // What was refused in between may have reached the disk: its outcome was unknown.
    assert!(
        lines == ["before"] || lines == ["before", "during"],
        "{lines:?}"
    );
    broker.strand_in(&["produce", TOPIC], b"again\n").ok();
    let read = broker
        .strand(&["consume", TOPIC, "--from-beginning", "--until-end"])
        .ok()
        .text();
    assert_eq!(read.lines().last(), Some("again"));
}

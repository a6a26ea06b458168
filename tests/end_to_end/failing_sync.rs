//! A sync that fails is final: never an acknowledgement, a clear error, reads go on.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use strandline_tests::harness::{Broker, Running, TIMEOUT, command_exists, skip};

/// Makes every sync of a running process fail, until it is dropped or detached.
struct FailingSyncs(Running);

impl FailingSyncs {
    /// `None` where strace is missing or may not look into other processes.
    fn attach(pid: u32) -> Option<Self> {
        if !command_exists("strace") {
            skip(
                "the failing sync",
                "there is no `strace`; install it by its package name",
            );
            return None;
        }
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync"])
            .args([
                "-e",
                "inject=fdatasync,fsync:error=EIO",
                "-p",
                &pid.to_string(),
            ])
            .stderr(Stdio::piped());
        let (running, pipes) = Running::spawn(&mut strace);
        let mut lines = BufReader::new(pipes.stderr?).lines().map_while(Result::ok);
        let attached = lines.any(|line| line.contains("attached"));
        // Its other lines are read too, so that it never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        if !attached {
            skip(
                "the failing sync",
                "strace may not attach to another process here",
            );
        }
        attached.then_some(Self(running))
    }

    /// From now on syncs work again.
    fn detach(mut self) {
        self.0.signal(Signal::TERM);
        self.0.wait(TIMEOUT).expect("strace detaches");
    }
}

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
    let Some(failing) = FailingSyncs::attach(broker.pid()) else {
        return;
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

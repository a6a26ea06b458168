//! Every broker stops with SIGTERM and starts again, one after the other, while lines are produced.

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use strandline_tests::harness::{Cluster, Running, TIMEOUT};

use crate::lines::all_there;

const TOPIC: &str = "rolling";

/// Lines come this much apart, so that there is load all the time.
const PAUSE: Duration = Duration::from_millis(2);

#[test]
fn a_rolling_restart_loses_and_doubles_nothing_and_the_producer_does_not_notice() {
    let mut cluster = Cluster::start(3);
    cluster.strand(&["topic", "create", TOPIC]).ok();
    cluster.await_leader(TOPIC, 0);
    let mut produce = cluster.command(&["produce", TOPIC, "--partition", "0", "--timeout", "60s"]);
    produce
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    let (mut producer, pipes) = Running::spawn(&mut produce);
    let mut input = pipes.stdin.expect("stdin is piped");
    let enough = AtomicBool::new(false);
    let lines = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0_u64;
            while !enough.load(Ordering::Relaxed) {
                if writeln!(input, "line {number}").is_err() {
                    break;
                }
                number += 1;
                std::thread::sleep(PAUSE);
            }
            drop(input);
            number
        });
        for id in cluster.ids() {
            let ended = cluster.terminate(id);
            assert_eq!(ended.code, Some(0), "broker {id}");
            cluster.restart(id);
        }
        enough.store(true, Ordering::Relaxed);
        writer.join().expect("writing lines does not panic")
    });
    let status = producer.wait(TIMEOUT).expect("the producer ends");
    assert_eq!(status.code(), Some(0), "all {lines} lines are acknowledged");
    assert!(lines > 100, "there was load: {lines} lines");
    all_there(&cluster, TOPIC, lines);
}

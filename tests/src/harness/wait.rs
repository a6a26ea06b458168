//! Waiting for what other processes do, which nobody can be told of.

use std::thread;
use std::time::{Duration, Instant};

use super::running::TIMEOUT;

/// Asks again and again until there is an answer; fails where none comes in time.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            began.elapsed() < TIMEOUT,
            "{what} did not happen within {TIMEOUT:?}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Says, where everybody sees it, that a test does not run on this machine.
pub fn skip(test: &str, reason: &str) {
    // Past the test runner's capture: a skipped test must not look like one that passed.
    let line = format!("SKIPPED {test}: {reason}\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), line.as_bytes());
}

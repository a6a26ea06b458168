//! How much CPU time a process has used, user and system together.

use std::fs;
use std::io;

/// Kernel's `USER_HZ`, the unit of `/proc/<pid>/stat` on every Linux there is today.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of a living process, to the nanosecond where its threads live on. Both sources only miss time (one
/// that of threads which have ended, the other parts of a tick), so the larger one is nearer to the truth.
pub(crate) fn cpu_seconds(process: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile.
        let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += first_number(&schedstat).unwrap_or(0);
    }
    Ok((ticks as f64 / TICKS_PER_SECOND).max(nanoseconds as f64 / 1e9))
}

/// Fields 14 and 15, counted from 1, of `/proc/<pid>/stat`: `utime` and `stime`. The second field, the name in
/// parentheses, may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The first field of `schedstat`: nanoseconds spent on a processor.
fn first_number(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 94 0 0 0 12 30 0 0 20 0 1 0 9 8 7";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn a_busy_process_uses_about_as_much_as_it_was_busy() {
        let before = cpu_seconds(std::process::id()).unwrap();
        let start = Instant::now();
        while start.elapsed().as_millis() < 50 {}
        let used = cpu_seconds(std::process::id()).unwrap() - before;
        // Other tests run beside this one, and other processes take time away.
        assert!((0.005..1.0).contains(&used), "{used}");
    }
}

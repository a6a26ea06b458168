//! The process by the names that Prometheus' own client libraries use: memory, CPU, files, start.

use std::fmt::Write as _;

/// Adds the process's metrics; those that the system does not tell are left out.
pub(super) fn render(text: &mut String) {
    let mut metric = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
            );
        }
    };
    let process = read();
    metric(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory in bytes.",
        process.resident_bytes,
    );
    metric(
        "process_virtual_memory_bytes",
        "gauge",
        "Virtual memory in bytes.",
        process.virtual_bytes,
    );
    metric(
        "process_cpu_seconds_total",
        "counter",
        "User and system CPU time in seconds.",
        process.cpu_seconds,
    );
    metric(
        "process_open_fds",
        "gauge",
        "Open file descriptors.",
        process.open_files,
    );
    metric(
        "process_max_fds",
        "gauge",
        "Most file descriptors that may be open.",
        process.open_files_max,
    );
    metric("process_threads", "gauge", "Threads.", process.threads);
    metric(
        "process_start_time_seconds",
        "gauge",
        "When the process started, in seconds since 1970.",
        process.start_seconds,
    );
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        text,
        "# HELP strandline_build_info What runs.\n# TYPE strandline_build_info gauge\n\
         strandline_build_info{{version=\"{version}\"}} 1"
    );
}

/// What the system tells of this process.
#[derive(Debug, Default)]
struct Process {
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    cpu_seconds: Option<f64>,
    open_files: Option<f64>,
    open_files_max: Option<f64>,
    threads: Option<f64>,
    start_seconds: Option<f64>,
}

/// From `/proc/self`, see proc(5).
#[cfg(target_os = "linux")]
fn read() -> Process {
    use std::fs::{read_dir, read_to_string};

    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may hold blanks and parentheses; field 3 follows the last parenthesis.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map(|(_, fields)| fields.split_whitespace())
        .into_iter()
        .flatten()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let boot_seconds = read_to_string("/proc/stat").ok().and_then(|stat| {
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<f64>().ok()
    });
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Process {
        resident_bytes: field(24).map(|pages| pages * page),
        virtual_bytes: field(23),
        cpu_seconds: field(14)
            .zip(field(15))
            .map(|(user, system)| (user + system) / ticks),
        open_files: read_dir("/proc/self/fd")
            .ok()
            .map(|files| files.count() as f64),
        open_files_max: limit.current.map(|limit| limit as f64),
        threads: field(20),
        start_seconds: boot_seconds
            .zip(field(22))
            .map(|(boot, start)| boot + start / ticks),
    }
}

/// Elsewhere only what needs no call of its own: nothing.
#[cfg(not(target_os = "linux"))]
fn read() -> Process {
    Process::default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_shown_with_plausible_numbers() {
        let process = read();
        assert!(process.resident_bytes.unwrap() > 100_000.0, "{process:?}");
        assert!(process.virtual_bytes.unwrap() >= process.resident_bytes.unwrap());
        assert!(process.open_files.unwrap() >= 3.0, "{process:?}");
        assert!(process.threads.unwrap() >= 1.0, "{process:?}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let age = now.unwrap().as_secs_f64() - process.start_seconds.unwrap();
        assert!(
            (-2.0..100_000.0).contains(&age),
            "started {age} s ago: {process:?}"
        );
    }

    #[test]
    fn every_metric_has_help_and_type() {
        let mut text = String::new();
        render(&mut text);
        for name in [
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
            "process_open_fds",
        ] {
            assert!(text.contains(&format!("# HELP {name} ")), "{text}");
            assert!(text.contains(&format!("\n{name} ")), "{text}");
        }
    }
}

//! What else there is to know about a run: the machine and its load.

use std::fs;
use std::thread::available_parallelism;

use serde::Serialize;

/// The machine as it was when a figure was taken.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// Processors that may be used.
    pub(crate) processors: usize,
    /// Its name for itself.
    pub(crate) model: String,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// Runnable tasks over the last minute, five and fifteen minutes.
    pub(crate) load: String,
}

impl Machine {
    /// Looks now.
    pub(crate) fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
        let load = read("/proc/loadavg");
        Self {
            processors: available_parallelism().map_or(0, usize::from),
            model: model.unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

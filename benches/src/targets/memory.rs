//! P9: resident memory at rest, of a broker with an empty data directory.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Setup;
use crate::broker::Broker;
use crate::harness::{Bound, Figure, Scratch, Spread};

const STARTS: usize = 3;
/// How long a broker was left alone when it counts as at rest.
const AT_REST: Duration = Duration::from_secs(2);

/// P9: `VmRSS`.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let (mut all, mut anonymous) = (Vec::new(), Vec::new());
    for start in 0..STARTS {
        let broker = Broker::start(&setup.broker, &scratch.path().join(format!("data-{start}")))?;
        thread::sleep(AT_REST);
        let status = fs::read_to_string(format!("/proc/{}/status", broker.process_id()))?;
        all.push(mebibytes(&status, "VmRSS:").context("no VmRSS")?);
        anonymous.push(mebibytes(&status, "RssAnon:").context("no RssAnon")?);
    }
    let anonymous = Spread::of(anonymous).median;
    let compared = Spread::of(all);
    Ok(vec![Figure {
        target: "P9",
        what: "resident memory at rest, empty broker".to_owned(),
        measured: compared.median,
        unit: "MiB",
        floor_is: "",
        floor: None,
        compared,
        compared_unit: "MiB",
        bound: Bound::AtMost(16.0),
        note: format!(
            "{anonymous:.1} MiB of it are anonymous (23 MiB: tables that openraft's histograms compute at the first group), the rest is the program's file"
        ),
    }])
}

pub(super) fn mebibytes(status: &str, field: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: f64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_in_mebibytes() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t 512 kB\n";
        assert_eq!(mebibytes(status, "VmRSS:"), Some(2.0));
        assert_eq!(mebibytes(status, "RssAnon:"), Some(0.5));
        assert_eq!(mebibytes(status, "VmSwap:"), None);
    }
}

//! P3: how many instructions the broker spends on a batch of 655 records, against a batch of one record of the same
//! size. A count, not a time: noise does not touch it.
//!
//! The broker runs under a counter from start to end, once with few batches and once with many; the difference is
//! what the batches cost.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use bytes::Bytes;

use super::Setup;
use crate::broker::{Broker, Durability};
use crate::harness::{Bound, Figure, Scratch, Spread};
use crate::load::{ClosedLoop, Until, batch_of, encoded_batch, produce_frame};

const RECORDS: usize = 655;
/// What a record takes: its value and 5 to 7 bytes around it.
const RECORD_VALUE_BYTES: usize = 93;
const FEW: u64 = 200;
const MANY: u64 = 1_200;

/// P3.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let counter = Counter::find();
    let scratch = Scratch::new()?;
    let many_records = batch_of(RECORDS, RECORD_VALUE_BYTES, RECORD_VALUE_BYTES)?;
    let one_record = encoded_batch(many_records.len(), 1)?;
    let per_batch = |batch: &Bytes| -> Result<f64> {
        let few = counter.count(setup, &scratch, batch, FEW)?;
        let many = counter.count(setup, &scratch, batch, MANY)?;
        Ok((many - few) / (MANY - FEW) as f64)
    };
    let many = per_batch(&many_records)?;
    let one = per_batch(&one_record)?;
    Ok(vec![Figure {
        target: "P3",
        what: format!(
            "{} per batch of {} bytes, 655 records against 1, page-cache",
            counter.unit(),
            many_records.len()
        ),
        measured: many,
        unit: counter.unit(),
        floor_is: "one record of the same bytes",
        floor: Some(one),
        compared: Spread::of(vec![many / one]),
        compared_unit: "x",
        bound: Bound::AtMost(1.1),
        note: counter.note().to_owned(),
    }])
}

/// What counts.
#[derive(Clone, Copy)]
enum Counter {
    /// The processor's own counter.
    Perf,
    /// A simulated processor; all threads take turns on it.
    Callgrind,
    /// Neither: CPU nanoseconds, which are noisy.
    CpuTime,
}

impl Counter {
    fn find() -> Self {
        let says = |program: &str, arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .output();
            output.ok().map(|output| {
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
            })
        };
        let perf = says("perf", &["stat", "-x", ",", "-e", "instructions:u", "true"]);
        if perf.is_some_and(|said| said.starts_with(|first: char| first.is_ascii_digit())) {
            Self::Perf
        } else if says("valgrind", &["--version"]).is_some() {
            Self::Callgrind
        } else {
            Self::CpuTime
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Perf | Self::Callgrind => "instructions",
            Self::CpuTime => "CPU ns",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Perf => "counted by perf stat -e instructions:u",
            Self::Callgrind => {
                "counted by valgrind --tool=callgrind, whose processor has no AVX-512: the CRC takes more there"
            }
            Self::CpuTime => "neither perf counters nor valgrind here: CPU time instead",
        }
    }

    /// Starts a broker, has it take `batches` batches, stops it: what all of it cost.
    fn count(self, setup: &Setup, scratch: &Scratch, batch: &Bytes, batches: u64) -> Result<f64> {
        let data = scratch.path().join("counted");
        let result = data.with_extension("count");
        let wrapper = self.wrapper(&result);
        let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
        let broker = Broker::start_under(&wrapper, &setup.broker, &data)?;
        broker.create_topic("counted", 1, Durability::PageCache)?;
        let load = ClosedLoop {
            streams: vec![vec![produce_frame("counted", 0, batch.clone())?]],
            in_flight: 16,
            until: Until::Batches(batches),
            batch_bytes: batch.len(),
        };
        let pass = broker.measure(|address| load.run(address))?;
        broker.stop()?;
        fs::remove_dir_all(&data)?;
        let text = fs::read_to_string(&result).unwrap_or_default();
        let counted = match self {
            Self::Perf => first_number(text.lines().find(|line| line.contains("instructions"))),
            Self::Callgrind => {
                first_number(text.lines().find_map(|line| line.strip_prefix("totals: ")))
            }
            Self::CpuTime => Some(pass.server_cpu_seconds * 1e9),
        };
        let counted = counted.with_context(|| format!("no count in {}", result.display()))?;
        eprintln!("  {batches} batches: {counted:.0} {}", self.unit());
        Ok(counted)
    }

    fn wrapper(self, result: &Path) -> Vec<String> {
        let result = result.display();
        match self {
            Self::Perf => format!("perf stat -x , -e instructions:u -o {result} --"),
            Self::Callgrind => {
                format!("valgrind -q --tool=callgrind --callgrind-out-file={result}")
            }
            Self::CpuTime => String::new(),
        }
        .split_whitespace()
        .map(str::to_owned)
        .collect()
    }
}

/// The digits at the start of a line.
fn first_number(line: Option<&str>) -> Option<f64> {
    let line = line?;
    let digits = line.find(|c: char| !c.is_ascii_digit());
    line.get(..digits.unwrap_or(line.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_from_the_start_of_its_line() {
        assert_eq!(first_number(Some("1234,,instructions:u,5")), Some(1234.0));
        assert_eq!(first_number(Some("987")), Some(987.0));
        assert_eq!(first_number(Some("<not supported>")), None);
        assert_eq!(first_number(None), None);
    }
}

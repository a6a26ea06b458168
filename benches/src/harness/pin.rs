//! Running everything on one processor: wake-ups across virtual processors cost a sender several times its work.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// While it lives, this thread and all threads and processes that it starts run on the first processor.
pub(crate) struct OneProcessor {
    before: CpuSet,
}

impl OneProcessor {
    /// Pins the calling thread.
    pub(crate) fn pin() -> Result<Self> {
        let before = sched_getaffinity(None).context("asking for the processors")?;
        let first = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu));
        let mut one = CpuSet::new();
        one.set(first.context("there is no processor")?);
        sched_setaffinity(None, &one).context("pinning to one processor")?;
        Ok(Self { before })
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        if let Err(error) = sched_setaffinity(None, &self.before) {
            eprintln!("the benchmark stays on one processor: {error}");
        }
    }
}

//! Writing: staged entries go to their segments in one `pwritev` per segment. Segments are created and sealed here.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use model::{Durability, FilePosition};

use super::LogInner;
use super::state::{Staged, State};
use crate::disk::{Disk, DiskFile};
use crate::error::SyncFailed;
use crate::segment::{SegmentFacts, SegmentFile};

/// The first step of zero-filling, in bytes: what an almost empty log costs.
const RESERVE_STEP_MIN: u64 = 64 << 10;
/// Rounds larger than this are limited by bandwidth: zero-filling would write everything twice.
const RESERVE_ROUND_BYTES_MAX: u64 = 256 << 10;

/// Where bytes are being written.
#[derive(Default)]
pub(super) struct Writer {
    /// The segment whose file is open for writing.
    pub(super) current: Option<Current>,
}

pub(super) struct Current {
    pub(super) segment: Arc<SegmentFile>,
    pub(super) file: Arc<dyn DiskFile>,
    /// How far the file is zero-filled, and by how much it will be next.
    pub(super) reserved_end: u64,
    step: u64,
}

impl Current {
    pub(super) fn new(segment: Arc<SegmentFile>, file: Arc<dyn DiskFile>) -> Self {
        Self {
            segment,
            reserved_end: file.length(),
            file,
            step: RESERVE_STEP_MIN,
        }
    }
}

impl LogInner {
    /// Writes everything staged; returns the file that must be synced to make it durable.
    /// A failure is latched while the writer is still held: who comes next must not take it for written.
    pub(super) fn write_staged(
        &self,
        writer: &mut Writer,
    ) -> Result<Option<Arc<dyn DiskFile>>, SyncFailed> {
        let outcome = self.write_all(writer);
        if let Err(failed) = &outcome {
            self.state
                .lock()
                .failed
                .get_or_insert_with(|| failed.clone());
        }
        outcome
    }

    fn write_all(&self, writer: &mut Writer) -> Result<Option<Arc<dyn DiskFile>>, SyncFailed> {
        let (staged, end, terms, settings) = {
            let mut state = self.state.lock();
            state.check()?;
            let terms = std::mem::take(&mut state.terms_dirty).then(|| state.terms.clone());
            let staged = std::mem::take(&mut state.staged);
            let settings = (state.settings.durability, state.settings.reserve_step_max);
            (staged, state.end, terms, settings)
        };
        if let Some(terms) = terms {
            terms
                .write(&*self.shared.disk, &self.path)
                .map_err(|error| {
                    self.failure(&self.path.join(crate::term_table::TERM_FILE), error)
                })?;
        }
        let mut written = 0;
        for run in staged.chunk_by(|a, b| Arc::ptr_eq(&a.segment, &b.segment)) {
            written += self.write_run(writer, run, settings)?;
        }
        let mut state = self.state.lock();
        if !staged.is_empty() {
            state.written = end;
            state.unsynced_bytes += written;
            let limit = state.settings.tail_cache_bytes;
            state.tail.shrink(limit, end.index);
        }
        state.debug_check();
        Ok(writer.current.as_ref().map(|current| current.file.clone()))
    }

    fn write_run(
        &self,
        writer: &mut Writer,
        run: &[Staged],
        (durability, step_max): (Durability, u64),
    ) -> Result<u64, SyncFailed> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(0);
        };
        let failure = |error| self.failure(&first.segment.path, error);
        let current = self.enter(writer, &first.segment)?;
        let end = last.position + last.batch.total_bytes() as u64;
        if durability == Durability::Fsync {
            self.zero_fill(current, first.position, end, step_max);
        }
        let at = FilePosition::new(first.position);
        match run {
            [one] => current
                .file
                .write_at(at, &one.batch.parts().map(IoSlice::new)),
            many => {
                let parts: Vec<_> = many
                    .iter()
                    .flat_map(|staged| staged.batch.parts())
                    .map(IoSlice::new)
                    .collect();
                current.file.write_at(at, &parts)
            }
        }
        .map_err(failure)?;
        first.segment.set_written(end);
        Ok(end - first.position)
    }

    /// Zero-fills ahead of a busy log, so that its syncs need not write the file's size too.
    fn zero_fill(&self, current: &mut Current, from: u64, end: u64, step_max: u64) {
        if end <= current.reserved_end || end - from > RESERVE_ROUND_BYTES_MAX {
            return;
        }
        let affordable = self.shared.budget.step_bytes_max().max(RESERVE_STEP_MIN);
        let step = current
            .step
            .min(step_max.max(RESERVE_STEP_MIN))
            .min(affordable);
        let start = current.reserved_end.max(from);
        let target = (start + step).max(end).next_multiple_of(RESERVE_STEP_MIN);
        match current.file.reserve(start..target) {
            Ok(()) => current.reserved_end = target,
            // Nothing is lost: the write itself was promised its space.
            Err(error) => {
                tracing::debug!(file = %current.segment.path.display(), %error, "not zero-filled")
            }
        }
        current.step = current
            .step
            .saturating_mul(2)
            .min(step_max.max(RESERVE_STEP_MIN));
    }

    /// Makes `segment` the one written to: seals its predecessor, creates its file.
    fn enter<'w>(
        &self,
        writer: &'w mut Writer,
        segment: &Arc<SegmentFile>,
    ) -> Result<&'w mut Current, SyncFailed> {
        let same = writer
            .current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(&current.segment, segment));
        if !same {
            self.leave(writer)?;
            let file = create(&*self.shared.disk, &self.path, &segment.path)
                .map_err(|error| self.failure(&segment.path, error))?;
            segment.attach(file.clone());
            writer.current = Some(Current::new(segment.clone(), file));
        }
        match &mut writer.current {
            Some(current) => Ok(current),
            None => Err(self.failure(&segment.path, io::ErrorKind::NotFound.into())),
        }
    }

    /// Seals the file written to: cut to its length and synced, its index beside it.
    pub(super) fn leave(&self, writer: &mut Writer) -> Result<(), SyncFailed> {
        let Some(current) = writer.current.take() else {
            return Ok(());
        };
        let segment = &current.segment;
        let length = segment.written();
        let sealed = current
            .file
            .set_length(length)
            .and_then(|()| current.file.sync());
        sealed.map_err(|error| self.failure(&segment.path, error))?;
        let facts = {
            let mut state = self.state.lock();
            let facts = state.sealed_facts(segment);
            if let Some(facts) = &facts {
                let end = facts.end();
                state.durable = state.durable.max(end).min(state.written);
                state.unsynced_bytes = 0;
            }
            facts
        };
        if let (Some(facts), Some(index)) = (facts, segment.index()) {
            // It is checksummed and can be rebuilt: neither its sync nor its failure matters.
            if let Err(error) = write_index(&*self.shared.disk, segment, &index.encode(&facts)) {
                tracing::warn!(file = %segment.path.display(), %error, "its index is not written");
            }
        }
        segment.release();
        self.shared.opened(segment);
        Ok(())
    }

    pub(super) fn failure(&self, file: &Path, error: io::Error) -> SyncFailed {
        SyncFailed {
            file: file.to_owned(),
            reason: Arc::new(error),
        }
    }
}

impl State {
    fn sealed_facts(&self, segment: &Arc<SegmentFile>) -> Option<SegmentFacts> {
        let mut sealed = self.sealed.iter().rev();
        sealed
            .find(|known| Arc::ptr_eq(&known.file, segment))
            .map(|known| known.facts)
    }
}

/// Creates a segment's file, its name durable before its first byte.
fn create(disk: &dyn Disk, directory: &Path, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(path)?;
    disk.sync_directory(directory)?;
    Ok(file)
}

fn write_index(disk: &dyn Disk, segment: &SegmentFile, bytes: &[u8]) -> io::Result<()> {
    let path = segment.index_path();
    if disk.exists(&path)? {
        disk.remove_file(&path)?;
    }
    disk.create(&path)?
        .write_at(FilePosition::new(0), &[IoSlice::new(bytes)])
}

//! Writing: staged entries go to their segments in one `pwritev` per segment. Segments are created and sealed here.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use model::{Durability, FilePosition};

use super::LogInner;
use super::state::{Staged, State};
use crate::disk::{Disk, DiskFile};
use crate::error::SyncFailed;
use crate::segment::{SegmentFacts, SegmentFile};
use crate::space::is_full;
use crate::term_table::{TERM_FILE, TermTable};

/// The first step of zero-filling, in bytes: what an almost empty log costs.
const RESERVE_STEP_MIN: u64 = 64 << 10;
/// Rounds larger than this are limited by bandwidth: zero-filling would write everything twice.
const RESERVE_ROUND_BYTES_MAX: u64 = 256 << 10;
/// What may be written with the ballast's space on a full disk, in bytes: Raft's own entries, which nothing was
/// reserved for, are small.
const BALLAST_WRITE_BYTES_MAX: u64 = 64 << 10;

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
    /// A final failure is latched while the writer is still held: who comes next must not take it for written. After
    /// another one what was not written stays staged.
    pub(super) fn write_staged(
        &self,
        writer: &mut Writer,
    ) -> Result<Option<Arc<dyn DiskFile>>, SyncFailed> {
        let (mut staged, terms, settings) = {
            let mut state = self.state.lock();
            state.check()?;
            let terms = std::mem::take(&mut state.terms_dirty).then(|| state.terms.clone());
            let staged = std::mem::take(&mut state.staged);
            let settings = (state.settings.durability, state.settings.reserve_step_max);
            (staged, terms, settings)
        };
        let (mut count, mut bytes) = (0, 0);
        let mut outcome = terms
            .as_ref()
            .map_or(Ok(()), |terms| self.write_terms(terms));
        for run in staged.chunk_by(|a, b| Arc::ptr_eq(&a.segment, &b.segment)) {
            if outcome.is_ok() {
                outcome = self.write_run(writer, run, settings).map(|written| {
                    count += run.len();
                    bytes += written;
                });
            }
        }
        let mut state = self.state.lock();
        if let Some(last) = count.checked_sub(1).and_then(|at| staged.get(at)) {
            state.written = last.end;
            state.unsynced_bytes += bytes;
            let limit = state.settings.tail_cache_bytes;
            state.tail.shrink(limit, last.end.index);
        }
        state.debug_check();
        match outcome {
            Ok(()) => Ok(writer.current.as_ref().map(|current| current.file.clone())),
            Err(failed) => {
                if failed.is_final {
                    if state.failed.is_none() {
                        self.shared.meters.failed_syncs.increment(1);
                        state.failed = Some(failed.clone());
                    }
                } else {
                    state.terms_dirty |= terms.is_some();
                    state.staged.splice(0..0, staged.drain(count..));
                }
                Err(failed)
            }
        }
    }

    fn write_terms(&self, terms: &TermTable) -> Result<(), SyncFailed> {
        let shared = &self.shared;
        shared
            .with_ballast(|| terms.write(&*shared.disk, &self.path))
            .map_err(|error| SyncFailed::of_write(&self.beside(TERM_FILE), error))
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
        let current = self.enter(writer, &first.segment)?;
        let end = last.position + last.batch.total_bytes() as u64;
        if durability == Durability::Fsync {
            self.zero_fill(current, first.position, end, step_max);
        }
        let at = FilePosition::new(first.position);
        let parts: Vec<_> = run
            .iter()
            .flat_map(|staged| staged.batch.parts())
            .map(IoSlice::new)
            .collect();
        let length = current.file.length();
        let write = || current.file.write_at(at, &parts);
        let began = Instant::now();
        let written = if end - first.position <= BALLAST_WRITE_BYTES_MAX {
            self.shared.with_ballast(write)
        } else {
            write()
        };
        written.map_err(|error| {
            // What a full disk took of it is in the way of smaller writes; it was not told to anybody yet.
            let _ = current.file.set_length(length);
            SyncFailed::of_write(&first.segment.path, error)
        })?;
        self.shared.meters.append_seconds.record(began.elapsed());
        first.segment.set_written(end);
        Ok(end - first.position)
    }

    /// Zero-fills ahead of a busy log, so that its syncs need not write the file's size too.
    fn zero_fill(&self, current: &mut Current, from: u64, end: u64, step_max: u64) {
        if end <= current.reserved_end || end - from > RESERVE_ROUND_BYTES_MAX {
            return;
        }
        let budget = &self.shared.budget;
        let affordable = budget.step_bytes_max().max(RESERVE_STEP_MIN);
        let step = current
            .step
            .min(step_max.max(RESERVE_STEP_MIN))
            .min(affordable);
        let start = current.reserved_end.max(from);
        let target = (start + step).max(end).next_multiple_of(RESERVE_STEP_MIN);
        // Space that others were promised is not there to be filled with zeros.
        if !budget.take_ahead(&*self.shared.disk, target - start) {
            return;
        }
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
            let file = self.create(&segment.path)?;
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

    /// Creates a segment's file, its name durable before its first byte.
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, SyncFailed> {
        let disk = &*self.shared.disk;
        let file = self.shared.with_ballast(|| disk.create(path));
        let file = file.map_err(|error| SyncFailed::of_write(path, error))?;
        disk.sync_directory(&self.path).map_err(|error| {
            // The name is free again for the next attempt; nothing was written under it.
            match disk.remove_file(path) {
                Ok(()) if !is_full(&error) => SyncFailed::of_write(path, error),
                _ => self.failure(path, error),
            }
        })?;
        Ok(file)
    }

    pub(super) fn failure(&self, file: &Path, error: io::Error) -> SyncFailed {
        SyncFailed::for_good(file, error)
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

fn write_index(disk: &dyn Disk, segment: &SegmentFile, bytes: &[u8]) -> io::Result<()> {
    let path = segment.index_path();
    if disk.exists(&path)? {
        disk.remove_file(&path)?;
    }
    disk.create(&path)?
        .write_at(FilePosition::new(0), &[IoSlice::new(bytes)])
}

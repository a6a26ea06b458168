//! The file of one segment, opened when somebody reads it and closed again when others need the handle.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::scan::{Cursor, Depth, walk};
use super::verified::VerifiedRanges;
use super::{IndexEntry, SegmentFacts, SegmentName, SparseIndex};
use crate::disk::{Disk, DiskFile, durable};
use crate::term_table::TermTable;

/// Bounds what a damaged length makes us read: the index of a 128 MiB segment has about 1 MiB.
const INDEX_BYTES_MAX: usize = 1 << 30;

/// An open file with its index in memory.
#[derive(Clone)]
pub(crate) struct OpenSegment {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: Arc<SparseIndex>,
}

#[derive(Default)]
struct Held {
    file: Option<Arc<dyn DiskFile>>,
    /// `None` while the segment is active: then the index is with the log's state.
    index: Option<Arc<SparseIndex>>,
    /// Whether the log writes through this handle: then it is not ours to close.
    is_written_to: bool,
}

/// One segment's file, open or not.
pub(crate) struct SegmentFile {
    pub(crate) name: SegmentName,
    pub(crate) path: PathBuf,
    held: Mutex<Held>,
    pub(crate) verified: Mutex<VerifiedRanges>,
    pub(crate) damaged: AtomicBool,
    /// The bytes of batches that are in the file, behind those only staged.
    written: AtomicU64,
    last_used: AtomicU64,
}

impl std::fmt::Debug for SegmentFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentFile")
            .field("path", &self.path)
            .finish()
    }
}

impl SegmentFile {
    pub(crate) fn new(directory: &Path, name: SegmentName, written: u64) -> Self {
        Self {
            name,
            path: directory.join(name.log_file()),
            held: Mutex::default(),
            verified: Mutex::default(),
            damaged: AtomicBool::new(false),
            written: AtomicU64::new(written),
            last_used: AtomicU64::new(0),
        }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub(crate) fn set_written(&self, bytes: u64) {
        self.written.store(bytes, Ordering::Release);
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.path.with_file_name(self.name.index_file())
    }

    /// The file, if it is open (an active segment's is, once its first batch was written).
    pub(crate) fn handle(&self) -> Option<Arc<dyn DiskFile>> {
        self.held.lock().file.clone()
    }

    /// Gives the handle that the log writes through.
    pub(crate) fn attach(&self, file: Arc<dyn DiskFile>) {
        let mut held = self.held.lock();
        held.file = Some(file);
        held.is_written_to = true;
    }

    /// Says that the last byte was written: the handle may be closed from now on.
    pub(crate) fn release(&self) {
        self.held.lock().is_written_to = false;
    }

    /// As [`SegmentFile::close`], unless the log writes to it.
    pub(crate) fn close_if_sealed(&self) {
        let is_written_to = self.held.lock().is_written_to;
        if !is_written_to {
            self.close();
        }
    }

    /// Keeps the index of a segment that was just sealed.
    pub(crate) fn keep_index(&self, index: SparseIndex) {
        self.held.lock().index = Some(Arc::new(index));
    }

    /// The index, where it is in memory.
    pub(crate) fn index(&self) -> Option<Arc<SparseIndex>> {
        self.held.lock().index.clone()
    }

    /// Drops the handle, the map and the index; slices handed out live on.
    pub(crate) fn close(&self) {
        let held = std::mem::take(&mut *self.held.lock());
        if let Some(file) = held.file {
            file.release_mapping();
        }
    }

    /// The index goes back to the log's state, when truncation makes the segment active again.
    pub(crate) fn drop_index(&self) {
        self.held.lock().index = None;
    }

    pub(crate) fn touch(&self, tick: u64) {
        self.last_used.store(tick, Ordering::Relaxed);
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// The open sealed segment; opened, and its index read or rebuilt, when it is not.
    /// The flag says whether it was opened now.
    pub(crate) fn open_sealed(
        &self,
        disk: &dyn Disk,
        facts: &SegmentFacts,
        terms: &TermTable,
        interval: u64,
    ) -> io::Result<(OpenSegment, bool)> {
        let mut held = self.held.lock();
        if let (Some(file), Some(index)) = (&held.file, &held.index) {
            let (file, index) = (file.clone(), index.clone());
            return Ok((OpenSegment { file, index }, false));
        }
        let file = match &held.file {
            Some(file) => file.clone(),
            None => disk.open(&self.path)?,
        };
        let index = match read_index(disk, &self.index_path())? {
            Some((stored, index)) if stored.bytes == facts.bytes && stored.name == facts.name => {
                index
            }
            _ => rebuild_index(&*file, facts, terms, interval)?,
        };
        let index = Arc::new(index);
        held.file = Some(file.clone());
        held.index = Some(index.clone());
        Ok((OpenSegment { file, index }, true))
    }
}

/// The stored index, if it is there and sound.
pub(crate) fn read_index(
    disk: &dyn Disk,
    path: &Path,
) -> io::Result<Option<(SegmentFacts, SparseIndex)>> {
    let bytes = durable::read_small_file(disk, path, INDEX_BYTES_MAX)?;
    Ok(bytes.and_then(|bytes| match SparseIndex::decode(&bytes) {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "index is unsound, rebuilding it");
            None
        }
    }))
}

/// Walks over the batches and notes what an index would hold. Stops early at damage: the reader will meet it.
pub(crate) fn rebuild_index(
    file: &dyn DiskFile,
    facts: &SegmentFacts,
    terms: &TermTable,
    interval: u64,
) -> io::Result<SparseIndex> {
    let mut index = SparseIndex::default();
    let mut counted = SegmentFacts::empty(facts.name);
    let from = Cursor {
        index: facts.name.base_index,
        offset: facts.name.base_offset,
        position: 0,
    };
    walk(
        file,
        from,
        facts.bytes.min(file.length()),
        terms,
        Depth::Batches,
        |at| {
            let entry = IndexEntry {
                index: at.index,
                offset: at.header.base_offset(),
                position: at.position,
                max_timestamp_before: counted.max_timestamp,
            };
            index.note(entry, interval);
            counted.count(&at.header);
            ControlFlow::Continue(())
        },
    )?;
    Ok(index)
}

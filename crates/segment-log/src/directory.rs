//! What the logs of one data directory share: disk, clock, sync threads, noted ends, space, open files.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use model::Clock;
use parking_lot::Mutex;

use crate::disk::Disk;
use crate::error::{OpenError, OpenLogError, SyncFailed};
use crate::flusher::{FlushQueue, OnFlushWork};
use crate::log::{Log, LogInner, LogSettings};
use crate::meters::Meters;
use crate::noted_ends::NotedEnds;
use crate::repair::{LogRepair, RepairError};
use crate::runs::Runs;
use crate::segment::SegmentFile;
use crate::space::{Ballast, SpaceBudget, is_full};

/// Limits of one data directory.
#[derive(Clone, Copy, Debug)]
pub struct LogDirectorySettings {
    /// Threads that write and sync. With 0 nothing is synced but by [`Log::sync`] and
    /// [`LogDirectory::run_round`]: for simulations.
    pub sync_threads: usize,
    /// Sealed segments that may be open at a time; each costs a file handle, a map and an index.
    pub open_segments_max: NonZeroUsize,
}

impl Default for LogDirectorySettings {
    fn default() -> Self {
        Self {
            sync_threads: 8,
            open_segments_max: NonZeroUsize::new(1024).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// One data directory's logs.
pub struct LogDirectory {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What every log holds of its directory.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) noted: NotedEnds,
    pub(crate) runs: Runs,
    pub(crate) queue: FlushQueue,
    pub(crate) budget: Arc<SpaceBudget>,
    pub(crate) meters: Meters,
    ballast: Ballast,
    logs: Mutex<BTreeMap<PathBuf, Weak<LogInner>>>,
    /// Logs that are being recovered.
    opening: Mutex<HashSet<PathBuf>>,
    open_segments: Mutex<Vec<Weak<SegmentFile>>>,
    open_segments_max: usize,
    ticks: AtomicU64,
}

impl LogDirectory {
    /// Opens the noted ends, notes that a run begins, and starts the threads.
    ///
    /// # Errors
    /// [`OpenError`]: a journal is damaged or unreadable.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        settings: LogDirectorySettings,
    ) -> Result<Arc<Self>, OpenError> {
        let shared = Arc::new(Shared {
            noted: NotedEnds::open(disk.clone())?,
            runs: Runs::open(disk.clone())?,
            ballast: Ballast::open(&*disk),
            budget: Arc::new(SpaceBudget::of(&*disk)),
            meters: Meters::new(),
            disk,
            clock,
            queue: FlushQueue::default(),
            logs: Mutex::default(),
            opening: Mutex::default(),
            open_segments: Mutex::default(),
            open_segments_max: settings.open_segments_max.get(),
            ticks: AtomicU64::new(0),
        });
        let mut threads = Vec::new();
        for number in 0..settings.sync_threads {
            let shared = shared.clone();
            threads.push(spawn(format!("log-sync-{number}"), move || {
                shared.queue.run()
            })?);
        }
        if settings.sync_threads > 0 {
            let shared = shared.clone();
            threads.push(spawn("log-note".to_owned(), move || shared.note_ends())?);
        }
        Ok(Arc::new(Self {
            shared,
            threads: Mutex::new(threads),
        }))
    }

    /// Opens the log at `path` (relative to the data directory), and recovers it; creates it when absent.
    ///
    /// # Errors
    /// [`OpenLogError::Damaged`] where bytes below the noted end are bad: nothing was changed then.
    pub fn open_log(&self, path: &Path, settings: LogSettings) -> Result<Log, OpenLogError> {
        if !self.shared.claim(path) {
            return Err(OpenLogError::AlreadyOpen {
                path: path.to_owned(),
            });
        }
        let opened = Log::recover(self.shared.clone(), path, settings);
        if let Ok(log) = &opened {
            let weak = Arc::downgrade(&log.inner);
            self.shared.logs.lock().insert(path.to_owned(), weak);
        }
        self.shared.opening.lock().remove(path);
        opened
    }

    /// Looks through a log that is damaged below its durable end, and holds it closed while it is repaired. Segments
    /// that seem sound are not read, but for those that `suspects` names. See [`LogRepair`]. Blocks.
    ///
    /// # Errors
    /// [`RepairError`].
    pub fn open_for_repair(
        &self,
        path: &Path,
        settings: LogSettings,
        suspects: &[PathBuf],
    ) -> Result<LogRepair, RepairError> {
        if !self.shared.claim(path) {
            return Err(RepairError::Open {
                path: path.to_owned(),
            });
        }
        LogRepair::open(self.shared.clone(), path, settings, suspects)
    }

    /// Takes an open log away from whoever holds it, so that it can be opened or repaired by another: what was synced
    /// stays, it accepts nothing more, and can still be read.
    pub fn release_log(&self, path: &Path) {
        let open = self.shared.logs.lock().remove(path);
        if let Some(log) = open.and_then(|log| log.upgrade()) {
            log.retire("the log was closed");
            log.note_unsynced();
            // Notes lag: what it has promised is noted before anybody looks for damage.
            log.note_durable();
            self.shared.sync_notes();
        }
    }

    /// Deletes a log's files. A log that is still open fails from now on; slices handed out live on.
    ///
    /// # Errors
    /// [`OpenLogError::Io`] or [`OpenLogError::Journal`].
    pub fn remove_log(&self, path: &Path) -> Result<(), OpenLogError> {
        let open = self.shared.logs.lock().remove(path);
        if let Some(log) = open.and_then(|log| log.upgrade()) {
            log.retire("the log is being deleted");
        }
        // First: what is left of a log that is being deleted is no loss.
        self.shared.runs.forget(path);
        self.shared.noted.lower(path, None)?;
        let io = |source| OpenLogError::Io {
            path: path.to_owned(),
            source,
        };
        let disk = &self.shared.disk;
        if disk.exists(path).map_err(io)? {
            disk.remove_directory(path).map_err(io)?;
            disk.sync_directory(path.parent().unwrap_or(Path::new("")))
                .map_err(io)?;
        }
        Ok(())
    }

    /// Makes every open log durable, notes the ends, stops the threads, and notes that the run has ended cleanly, if it
    /// has. Logs can still be read; appends and syncs are refused, for nobody would complete them.
    ///
    /// # Errors
    /// The first log's failure; the others are synced all the same.
    pub fn close(&self) -> Result<(), SyncFailed> {
        let open: Vec<_> = self
            .shared
            .logs
            .lock()
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        let outcomes: Vec<_> = open.iter().map(|log| log.close()).collect();
        self.shared.queue.stop();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a sync thread has panicked");
            }
        }
        self.note_ends();
        outcomes.into_iter().collect::<Result<(), _>>()?;
        if let Err(error) = self.shared.runs.end() {
            tracing::warn!(%error, "the end of the run is not noted: the next one counts it as cut off");
        }
        Ok(())
    }

    /// Makes the noted ends durable now, and tries again what waits for space. Without sync threads nobody else does.
    pub fn note_ends(&self) {
        self.shared.queue.begin_notes();
        self.shared.sync_notes();
    }

    /// Without sync threads: does a round of each log that is dirty.
    pub fn run_round(&self) {
        self.shared.queue.run_dirty();
    }

    /// Without sync threads: has `owner` called when there is something to do for them. Only the first call counts.
    pub fn on_flush_work(&self, owner: OnFlushWork) {
        self.shared.queue.set_owner(owner);
    }

    /// The disk below, for files beside the logs.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.shared.disk
    }
}

impl Drop for LogDirectory {
    fn drop(&mut self) {
        self.shared.queue.stop();
    }
}

impl Shared {
    /// Claims a log that nobody has open: one is recovered or repaired once at a time, different ones together.
    fn claim(&self, path: &Path) -> bool {
        let mut opening = self.opening.lock();
        let is_open = || {
            let logs = self.logs.lock();
            logs.get(path).is_some_and(|log| log.strong_count() > 0)
        };
        !is_open() && opening.insert(path.to_owned())
    }

    /// Gives up what was claimed for a repair.
    pub(crate) fn repaired(&self, path: &Path) {
        self.opening.lock().remove(path);
    }

    fn note_ends(&self) {
        self.queue.run_notes(|| self.sync_notes());
    }

    fn sync_notes(&self) {
        if let Err(error) = self.noted.sync() {
            // A note that lags only makes recovery keep more of a tail; truncation will refuse.
            tracing::error!(%error, "durable ends cannot be noted");
        }
        if let Err(error) = self.runs.sync() {
            tracing::error!(%error, "the runs cannot be noted");
        }
        self.ballast.restore(&*self.disk);
    }

    /// Makes a small write, on a full disk with the space kept back for it.
    pub(crate) fn with_ballast<T>(&self, write: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match write() {
            Err(error) if is_full(&error) && self.release_ballast() => write(),
            outcome => outcome,
        }
    }

    /// Gives the space kept back to whoever needs it now; says whether there was any.
    pub(crate) fn release_ballast(&self) -> bool {
        self.ballast.release()
    }

    /// Counts a segment as open, and closes the one unused the longest where there are too many.
    pub(crate) fn opened(&self, segment: &Arc<SegmentFile>) {
        let mut open = self.open_segments.lock();
        open.retain(|known| {
            known
                .upgrade()
                .is_some_and(|known| known.handle().is_some())
        });
        open.push(Arc::downgrade(segment));
        while open.len() > self.open_segments_max {
            let oldest = open
                .iter()
                .enumerate()
                .min_by_key(|(_, known)| known.upgrade().map_or(0, |known| known.last_used()))
                .map(|(at, _)| at);
            let Some(oldest) = oldest else { break };
            if let Some(segment) = open.swap_remove(oldest).upgrade() {
                segment.close_if_sealed();
            }
        }
    }

    pub(crate) fn used(&self, segment: &SegmentFile) {
        segment.touch(self.ticks.fetch_add(1, Ordering::Relaxed) + 1);
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    Ok(std::thread::Builder::new().name(name).spawn(run)?)
}

//! A disk in memory that keeps what was written apart from what was synced, and fails on demand.
//!
//! Every outcome of chance comes from the seed, so a run can be repeated. Harsher than a real disk: names
//! and bytes survive a power cut independently of each other and of their order, in sectors of 512 bytes.

mod calls;
mod chance;
mod content;
mod handle;
mod names;
mod state;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use self::state::State;
use super::seam::Disk;

/// A handle of a simulated disk. Clones share the disk.
///
/// A handle lives in the epoch in which it was made. [`crash`](Self::crash) and [`kill`](Self::kill) begin a
/// new one: the handle they are called on goes on in it, and so do clones made from it afterwards; every
/// earlier clone, and every file opened before, answers `EIO` from then on, as a dead process cannot write.
/// So give the code under test a clone ([`mount`](Self::mount)) and keep this one to script what happens.
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    epoch: AtomicU64,
}

impl Clone for SimulatedDisk {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            epoch: AtomicU64::new(self.epoch()),
        }
    }
}

impl SimulatedDisk {
    /// An empty disk without a limit; `seed` decides what a power cut leaves.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(seed))),
            epoch: AtomicU64::new(0),
        }
    }

    /// The disk as a process of this epoch sees it.
    pub fn mount(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// A power cut, then a reboot. Each write since a file's last sync survives, is lost, or is torn at
    /// sectors of 512 bytes; each change of names since its directory's last sync survives or not.
    pub fn crash(&self) {
        let mut state = self.state.lock();
        let State { names, chance, .. } = &mut *state;
        names.lose_power(chance);
        state.boot += 1;
        self.epoch.store(state.reboot(), Ordering::Release);
    }

    /// The process dies, the machine goes on: all that was written is there, synced or not. What a failed
    /// sync dropped still reads back, and is still not on the platter.
    pub fn kill(&self) {
        let mut state = self.state.lock();
        state.names.close_all();
        self.epoch.store(state.reboot(), Ordering::Release);
    }

    /// The next sync of a file or directory whose path ends so fails with `EIO`. What it should have made
    /// durable never is, though reads go on showing it; later syncs succeed. Forgotten on a reboot.
    pub fn fail_next_sync(&self, path_suffix: &str) {
        self.state.lock().failing_syncs.push(path_suffix.to_owned());
    }

    /// Reads that touch this range of the file fail with `EIO`, whatever name it has later.
    pub fn fail_reads(&self, path: &Path, range: Range<u64>) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.names.find(path)?;
        state.names.file_mut(node)?.bad_ranges.push(range);
        Ok(())
    }

    /// The file reads well again.
    pub fn heal_reads(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.names.find(path)?;
        state.names.file_mut(node)?.bad_ranges.clear();
        Ok(())
    }

    /// The disk holds this many bytes in files from now on; more is `StorageFull`.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = Some(bytes);
    }

    /// Nothing that was scripted will fail any more, and there is room; what has failed stays so.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.capacity = None;
        state.failing_syncs.clear();
        state.operations_left = None;
        state.names.heal_reads();
    }

    /// Damages the medium. `bit` counts from the lowest, 0 to 7. `UnexpectedEof` beyond the file's end.
    pub fn flip_bit(&self, path: &Path, byte: u64, bit: u32) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.names.find(path)?;
        if state.names.file_mut(node)?.content.flip_bit(byte, bit) {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    /// A write that was meant for somewhere else: the medium holds `bytes` there. `UnexpectedEof` beyond the file's end.
    pub fn misdirect(&self, path: &Path, position: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let node = state.names.find(path)?;
        match state
            .names
            .file_mut(node)?
            .content
            .overwrite(position, bytes)
        {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// What a read of the whole file would show, bad ranges or not; `None` where there is no such file.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let node = state.names.find(path).ok()?;
        let content = &state.names.file(node).ok()?.content;
        content.read(0..content.length()).ok().map(<[u8]>::to_vec)
    }

    /// A crash point: the `count`-th mutating operation from now on (1 is the next) fails with `EIO`, done
    /// or not or in part, and so does every call after it, until `crash` or `kill`.
    pub fn write_fails_after(&self, count: u64) {
        self.state.lock().operations_left = Some(count);
    }

    /// Mutating operations so far, over all epochs: every call but reads, `open`, `exists`, `list` and
    /// `free_bytes`.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The bytes of a file that a power cut now would certainly leave; `None` if its name might go.
    pub fn durable_bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let node = state.names.find_durable(path).ok()?;
        Some(state.names.file(node).ok()?.content.durable().to_vec())
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

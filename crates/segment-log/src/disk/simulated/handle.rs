//! One open file of the simulated disk.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use model::FilePosition;
use parking_lot::Mutex;
use rustix::io::Errno;

use super::super::seam::DiskFile;
use super::names::NodeId;
use super::state::State;

pub(super) struct SimulatedFile {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) epoch: u64,
    pub(super) node: NodeId,
    pub(super) path: PathBuf,
    /// Keeps the file's bytes while it is open, named or not.
    pub(super) _open: Arc<()>,
}

impl SimulatedFile {
    fn read_range(&self, range: Range<u64>) -> io::Result<Bytes> {
        let state = self.state.lock();
        state.check_alive(self.epoch)?;
        let file = state.names.file(self.node)?;
        let bytes = file.content.read(range.clone())?;
        let is_bad = file
            .bad_ranges
            .iter()
            .any(|bad| bad.start < range.end && range.start < bad.end);
        if is_bad {
            return Err(Errno::IO.into());
        }
        Ok(Bytes::copy_from_slice(bytes))
    }
}

impl DiskFile for SimulatedFile {
    /// 0 once the disk was rebooted: whoever still asks is dead.
    fn length(&self) -> u64 {
        let state = self.state.lock();
        if state.epoch != self.epoch {
            return 0;
        }
        state
            .names
            .file(self.node)
            .map_or(0, |file| file.content.length())
    }

    fn write_at(&self, position: FilePosition, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.state.lock().mutate(self.epoch, |state| {
            if state.is_dying {
                let kept = state.chance.below(bytes.len() as u64 + 1);
                bytes.truncate(kept as usize);
            }
            let length = state.names.file(self.node)?.content.length();
            // As a full disk does it: what fits is written, then comes the error.
            let end_max = state
                .free_bytes()
                .map_or(u64::MAX, |free| length.saturating_add(free));
            let fitting = end_max.max(length).saturating_sub(position.get());
            let is_full = bytes.len() as u64 > fitting;
            if is_full {
                bytes.truncate(fitting as usize);
            }
            let file = state.names.file_mut(self.node)?;
            file.content.write(position.get(), bytes)?;
            if is_full {
                return Err(Errno::NOSPC.into());
            }
            Ok(())
        })
    }

    fn read_at(&self, position: FilePosition, buffer: &mut [u8]) -> io::Result<()> {
        let end = position.plus(buffer.len() as u64).get();
        buffer.copy_from_slice(&self.read_range(position.get()..end)?);
        Ok(())
    }

    fn slice(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.read_range(range)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.state.lock().mutate(self.epoch, |state| {
            state.names.file_mut(self.node)?.content.set_length(length)
        })
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        self.state.lock().mutate(self.epoch, |state| {
            let length = state.names.file(self.node)?.content.length();
            let start = range.start.max(length);
            if range.end <= start {
                return Ok(());
            }
            if state
                .free_bytes()
                .is_some_and(|free| range.end - length > free)
            {
                return Err(Errno::NOSPC.into());
            }
            let file = state.names.file_mut(self.node)?;
            file.content.write_zeros(start..range.end)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.state.lock().mutate(self.epoch, |state| {
            let fails = state.take_failing_sync(&self.path);
            let content = &mut state.names.file_mut(self.node)?.content;
            if fails {
                content.fail_sync();
                return Err(Errno::IO.into());
            }
            content.sync();
            Ok(())
        })
    }

    fn release_mapping(&self) {}
}

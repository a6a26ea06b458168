//! The calls of the seam on a simulated disk.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::super::inner_path;
use super::super::seam::{CacheId, DirectoryEntry, Disk, DiskFile};
use super::SimulatedDisk;
use super::handle::SimulatedFile;
use super::names::{DirectoryNode, FileNode, Node, NodeId, Place};
use super::state::State;

/// What a disk without a set capacity says is free: 1 TiB.
const FREE_BYTES_UNLIMITED: u64 = 1 << 40;

impl SimulatedDisk {
    fn handle(&self, state: &State, node: NodeId, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SimulatedFile {
            state: Arc::clone(&self.state),
            epoch: self.epoch(),
            node,
            path: path.to_path_buf(),
            _open: Arc::clone(&state.names.file(node)?.open),
        }))
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.state.lock().mutate(self.epoch(), |state| {
            let place = state.names.place(path)?;
            let node = state.names.link(place, Node::File(FileNode::default()))?;
            self.handle(state, node, path)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.check_alive(self.epoch())?;
        let node = state.names.find(path)?;
        self.handle(&state, node, path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.state.lock();
        state.check_alive(self.epoch())?;
        match state.names.find(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let state = self.state.lock();
        state.check_alive(self.epoch())?;
        let names = &state.names;
        let directory = names.directory(names.find(directory)?)?;
        let entry = |(name, node): (&String, &NodeId)| {
            let file = names.file(*node).ok();
            DirectoryEntry {
                name: name.clone(),
                is_directory: file.is_none(),
                length: file.map_or(0, |file| file.content.length()),
            }
        };
        Ok(directory.cached.iter().map(entry).collect())
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let mut made = PathBuf::new();
        let mut state = self.state.lock();
        state.check_alive(self.epoch())?;
        for name in inner_path::components(path)? {
            let parent = state.names.find(&made)?;
            made.push(name);
            match state.names.find(&made) {
                Ok(node) => {
                    state.names.directory(node)?;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    state.mutate(self.epoch(), |state| {
                        let place = state.names.place(&made)?;
                        let node = Node::Directory(DirectoryNode::default());
                        state.names.link(place, node)
                    })?;
                }
                Err(error) => return Err(error),
            }
            if state.names.is_unsynced(parent) {
                state.mutate(self.epoch(), |state| {
                    state.names.sync(parent);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state.lock().mutate(self.epoch(), |state| {
            let (from, to) = (state.names.place(from)?, state.names.place(to)?);
            state.names.rename(from, to)
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.state.lock().mutate(self.epoch(), |state| {
            let place = state.names.place(path)?;
            let node = state.names.at(&place).ok_or(ErrorKind::NotFound)?;
            state.names.file(node)?;
            state.names.unlink(place)
        })
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.state.lock().mutate(self.epoch(), |state| {
            let place = state.names.place(path)?;
            let node = state.names.at(&place).ok_or(ErrorKind::NotFound)?;
            state.names.directory(node)?;
            remove_below(state, node)?;
            state.names.unlink(place)
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.state.lock().mutate(self.epoch(), |state| {
            let node = state.names.find(path)?;
            state.names.directory(node)?;
            if state.take_failing_sync(path) {
                return Err(Errno::IO.into());
            }
            state.names.sync(node);
            Ok(())
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state.lock();
        state.check_alive(self.epoch())?;
        Ok(state.free_bytes().unwrap_or(FREE_BYTES_UNLIMITED))
    }

    fn cache_id(&self) -> io::Result<Option<CacheId>> {
        let state = self.state.lock();
        state.check_alive(self.epoch())?;
        Ok(Some(CacheId::new(state.boot.into(), 1)))
    }
}

/// Unlinks what a directory holds, the deepest first; a power cut may find it half done.
fn remove_below(state: &mut State, directory: NodeId) -> io::Result<()> {
    let entries = state.names.directory(directory)?.cached.clone();
    for (name, node) in entries {
        if matches!(state.names.node(node), Some(Node::Directory(_))) {
            remove_below(state, node)?;
        }
        state.names.unlink(Place { directory, name })?;
    }
    Ok(())
}

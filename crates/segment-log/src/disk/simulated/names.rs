//! Names and the nodes behind them: the tree as calls see it, and the tree a power cut would leave.
//!
//! It knows no bytes beyond holding each file's content.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::inner_path;
use super::chance::Chance;
use super::content::Content;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(u64);

pub(super) const ROOT: NodeId = NodeId(0);

#[derive(Default)]
pub(super) struct FileNode {
    pub(super) content: Content,
    /// Ranges that cannot be read.
    pub(super) bad_ranges: Vec<Range<u64>>,
    /// Cloned into every handle: an unlinked file lives while one is open.
    pub(super) open: Arc<()>,
}

#[derive(Default)]
pub(super) struct DirectoryNode {
    pub(super) cached: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
}

pub(super) enum Node {
    File(FileNode),
    Directory(DirectoryNode),
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) directory: NodeId,
    pub(super) name: String,
}

/// A change of names that `sync_directory` has not covered yet.
enum Change {
    Link(Place, NodeId),
    Unlink(Place, NodeId),
    Move(Place, Place, NodeId),
}

impl Change {
    fn touches(&self, directory: NodeId) -> bool {
        match self {
            Self::Link(place, _) | Self::Unlink(place, _) => place.directory == directory,
            Self::Move(from, to, _) => from.directory == directory || to.directory == directory,
        }
    }

    fn is_across_directories(&self) -> bool {
        matches!(self, Self::Move(from, to, _) if from.directory != to.directory)
    }

    fn node(&self) -> NodeId {
        match self {
            Self::Link(_, node) | Self::Unlink(_, node) | Self::Move(_, _, node) => *node,
        }
    }
}

/// The whole tree.
pub(super) struct Names {
    nodes: BTreeMap<NodeId, Node>,
    next: u64,
    unsynced: Vec<Change>,
    /// How often names went since nodes were dropped last.
    gone: u32,
}

/// So often names go before the nodes behind them do: a look at all of them costs more than they do.
const GONE_MAX: u32 = 64;

impl Names {
    /// Every file can be read again.
    pub(super) fn heal_reads(&mut self) {
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.bad_ranges.clear();
            }
        }
    }

    pub(super) fn new() -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node::Directory(DirectoryNode::default()))]),
            next: 1,
            unsynced: Vec::new(),
            gone: 0,
        }
    }

    /// The node at a path. `NotFound`, `NotADirectory` for a file on the way, `InvalidInput`.
    pub(super) fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut node = ROOT;
        for name in inner_path::components(path)? {
            node = *self
                .directory(node)?
                .cached
                .get(name)
                .ok_or(ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    /// The directory and name of a path that need not exist; its directory must.
    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        let names = inner_path::components(path)?;
        let (Some(name), Some(parent)) = (names.last(), path.parent()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let directory = self.find(parent)?;
        self.directory(directory)?;
        Ok(Place {
            directory,
            name: (*name).to_owned(),
        })
    }

    pub(super) fn at(&self, place: &Place) -> Option<NodeId> {
        let directory = self.directory(place.directory).ok()?;
        directory.cached.get(&place.name).copied()
    }

    pub(super) fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(&node)
    }

    pub(super) fn directory(&self, node: NodeId) -> io::Result<&DirectoryNode> {
        match self.nodes.get(&node) {
            Some(Node::Directory(directory)) => Ok(directory),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn file(&self, node: NodeId) -> io::Result<&FileNode> {
        match self.nodes.get(&node) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Directory(_)) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn file_mut(&mut self, node: NodeId) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Directory(_)) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Gives a new node a name. `AlreadyExists`.
    pub(super) fn link(&mut self, place: Place, node: Node) -> io::Result<NodeId> {
        if self.at(&place).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let id = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(id, node);
        self.cached_mut(place.directory, |names| {
            names.insert(place.name.clone(), id);
        });
        self.unsynced.push(Change::Link(place, id));
        Ok(id)
    }

    pub(super) fn unlink(&mut self, place: Place) -> io::Result<()> {
        let node = self.at(&place).ok_or(ErrorKind::NotFound)?;
        self.cached_mut(place.directory, |names| {
            names.remove(&place.name);
        });
        self.unsynced.push(Change::Unlink(place, node));
        Ok(())
    }

    /// A file at `to` is replaced.
    pub(super) fn rename(&mut self, from: Place, to: Place) -> io::Result<()> {
        let node = self.at(&from).ok_or(ErrorKind::NotFound)?;
        if from == to {
            return Ok(());
        }
        if let Some(target) = self.at(&to) {
            self.file(target)?;
            if self.file(node).is_err() {
                return Err(ErrorKind::NotADirectory.into());
            }
        }
        self.cached_mut(from.directory, |names| {
            names.remove(&from.name);
        });
        self.cached_mut(to.directory, |names| {
            names.insert(to.name.clone(), node);
        });
        self.unsynced.push(Change::Move(from, to, node));
        Ok(())
    }

    /// Makes the changes of a directory durable. A move to or from another directory is one step in the
    /// filesystem's journal, so what came before it goes with it.
    pub(super) fn sync(&mut self, directory: NodeId) {
        let whole = self
            .unsynced
            .iter()
            .rposition(|change| change.touches(directory) && change.is_across_directories());
        let mut kept = Vec::new();
        for (at, change) in std::mem::take(&mut self.unsynced).into_iter().enumerate() {
            if change.touches(directory) || whole.is_some_and(|whole| at <= whole) {
                self.gone += u32::from(!matches!(change, Change::Link(..)));
                self.make_durable(change);
            } else {
                kept.push(change);
            }
        }
        self.unsynced = kept;
        if self.gone >= GONE_MAX {
            self.forget_unreachable();
        }
    }

    /// Whether a power cut could take back a name in this directory.
    pub(super) fn is_unsynced(&self, directory: NodeId) -> bool {
        self.unsynced.iter().any(|change| change.touches(directory))
    }

    /// A power cut: each unsynced change of names survives or not, and so do the files' bytes.
    pub(super) fn lose_power(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.unsynced) {
            if chance.coin() {
                self.make_durable(change);
            }
        }
        for node in self.nodes.values_mut() {
            match node {
                Node::Directory(directory) => directory.cached.clone_from(&directory.durable),
                Node::File(file) => {
                    file.content.lose_power(chance);
                    file.open = Arc::new(());
                }
            }
        }
        self.forget_unreachable();
    }

    /// The process dies: no file is open any more.
    pub(super) fn close_all(&mut self) {
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.open = Arc::new(());
            }
        }
        self.forget_unreachable();
    }

    /// The sum of the lengths of all files that have a name.
    pub(super) fn used_bytes(&self) -> u64 {
        self.nodes
            .values()
            .filter_map(|node| match node {
                Node::Directory(directory) => Some(directory.cached.values()),
                Node::File(_) => None,
            })
            .flatten()
            .filter_map(|id| self.file(*id).ok())
            .map(|file| file.content.length())
            .sum()
    }

    /// The node that a power cut now would certainly leave at a path.
    pub(super) fn find_durable(&self, path: &Path) -> io::Result<NodeId> {
        let mut node = ROOT;
        for name in inner_path::components(path)? {
            let names = &self.directory(node)?.durable;
            node = *names.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    fn make_durable(&mut self, change: Change) {
        match change {
            Change::Link(place, node) => self.durable_mut(place.directory, |names| {
                names.insert(place.name, node);
            }),
            Change::Unlink(place, node) => self.durable_mut(place.directory, |names| {
                if names.get(&place.name) == Some(&node) {
                    names.remove(&place.name);
                }
            }),
            Change::Move(from, to, node) => {
                self.durable_mut(from.directory, |names| {
                    if names.get(&from.name) == Some(&node) {
                        names.remove(&from.name);
                    }
                });
                self.durable_mut(to.directory, |names| {
                    names.insert(to.name, node);
                });
            }
        }
    }

    fn cached_mut(&mut self, id: NodeId, act: impl FnOnce(&mut BTreeMap<String, NodeId>)) {
        if let Some(Node::Directory(directory)) = self.nodes.get_mut(&id) {
            act(&mut directory.cached);
        }
    }

    fn durable_mut(&mut self, id: NodeId, act: impl FnOnce(&mut BTreeMap<String, NodeId>)) {
        if let Some(Node::Directory(directory)) = self.nodes.get_mut(&id) {
            act(&mut directory.durable);
        }
    }

    /// Drops nodes that have no name in either tree, none in a pending change, and no open handle.
    fn forget_unreachable(&mut self) {
        self.gone = 0;
        let mut reached = BTreeSet::new();
        let mut next = vec![ROOT];
        next.extend(self.unsynced.iter().map(Change::node));
        while let Some(id) = next.pop() {
            if !reached.insert(id) {
                continue;
            }
            if let Ok(directory) = self.directory(id) {
                next.extend(directory.cached.values().chain(directory.durable.values()));
            }
        }
        self.nodes.retain(|id, node| {
            let is_open = matches!(node, Node::File(file) if Arc::strong_count(&file.open) > 1);
            is_open || reached.contains(id)
        });
    }
}

//! The two traits of the seam. What they promise is what the conformance suite checks.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use model::FilePosition;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectoryEntry {
    /// The name alone, without its directory.
    pub name: String,
    /// Whether the name is a directory.
    pub is_directory: bool,
    /// The file's length in bytes; 0 for a directory.
    pub length: u64,
}

/// Where bytes live that are written and not synced: one boot of the machine, and one mount of the filesystem. What was
/// written in the life of another one is there only as far as it was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheId([u8; Self::BYTES]);

impl CacheId {
    /// The bytes of one.
    pub const BYTES: usize = 24;

    /// Of a boot and a mount.
    pub fn new(boot: u128, mount: u64) -> Self {
        let mut bytes = [0; Self::BYTES];
        let both = boot.to_be_bytes().into_iter().chain(mount.to_be_bytes());
        bytes.iter_mut().zip(both).for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// From what [`CacheId::as_bytes`] gave.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// To be stored.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// One filesystem below one root directory. Every path is relative to the root and has neither `..`
/// nor a leading `/` (`InvalidInput` otherwise); the empty path is the root itself.
///
/// A name made by `create`, `rename` or `remove_*` survives a power cut only once `sync_directory` of
/// its parent has returned. A call blocks for as long as the device takes.
pub trait Disk: Send + Sync + 'static {
    /// Creates an empty file, read and write. `AlreadyExists` if the name is taken: a file is never reused.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file, read and write. `NotFound` if there is none.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Whether a file or directory has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// The entries of a directory, ordered by name. Names that are not UTF-8 are not ours: they are left out.
    fn list(&self, directory: &Path) -> io::Result<Vec<DirectoryEntry>>;

    /// Creates a directory with its missing parents, and syncs the parent of each one it made. No error
    /// if it exists.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Renames a file or directory; a file at `to` is replaced in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Unlinks a file. Slices and open handles of it go on working. `NotFound` if there is none.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all below it. `NotFound` if there is none.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Bytes that an unprivileged writer may still use.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Where bytes live now that are written and not synced; `None` where the system does not say.
    fn cache_id(&self) -> io::Result<Option<CacheId>>;
}

/// One open file. All methods take `&self`: reads and syncs run beside writes; two writers of
/// overlapping ranges must be kept apart by the caller.
pub trait DiskFile: Send + Sync + 'static {
    /// The file's length in bytes, as kept in memory (no system call).
    fn length(&self) -> u64;

    /// Writes all parts, one behind the other, from `position` on; the file grows where they reach beyond
    /// its end (a gap before `position` reads as zeros). Loops over short writes and the system's limit of
    /// parts per call. After an error any part of the bytes may have been written.
    ///
    /// Errors: `StorageFull` where the disk is full, and whatever the device reports.
    fn write_at(&self, position: FilePosition, parts: &[IoSlice<'_>]) -> io::Result<()>;

    /// Fills `buffer` from `position` on. `UnexpectedEof` where that reaches past the length.
    fn read_at(&self, position: FilePosition, buffer: &mut [u8]) -> io::Result<()>;

    /// The bytes of `range` without copying them: a slice of the file's map, already read in, so that a
    /// bad sector is an error here and not a signal later. `UnexpectedEof` past the length.
    ///
    /// A slice lives on after the file is closed or unlinked. **The caller must slice only bytes that are
    /// never cut or overwritten again** (committed ones): touching a slice over a range cut by
    /// [`set_length`](Self::set_length) kills the process, and overwritten bytes change under the reader.
    fn slice(&self, range: Range<u64>) -> io::Result<Bytes>;

    /// Cuts the file to `length`, or extends it by zeros without reserving space for them. See
    /// [`slice`](Self::slice) for what a cut does to slices beyond it.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Makes `range` writable without growing the file or allocating: space is allocated first (a full disk
    /// is `StorageFull` here, and the length is as before), then zeros are *written*, so that a later sync of
    /// data in the range has no metadata to write. The file is `range.end` long afterwards if it was
    /// shorter. Only the part of `range` beyond the length is touched: existing bytes are kept.
    fn reserve(&self, range: Range<u64>) -> io::Result<()>;

    /// Makes everything written so far durable, with the length. **An error is final**: what the failed
    /// sync covered may be lost although it still reads back. Calls on several threads are fine: on a real file all
    /// that come later fail too (the simulated one goes on, so that whoever tries again is found out).
    fn sync(&self) -> io::Result<()>;

    /// Drops the file's own map; slices handed out live on. The next `slice` maps anew.
    fn release_mapping(&self);
}

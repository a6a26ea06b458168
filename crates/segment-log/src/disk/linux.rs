//! The calls that Linux has and others lack, each with a portable fallback.
//!
//! It knows open files and bytes, neither what they mean nor maps.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;

use super::seam::CacheId;

/// Writes some of the parts at `position`, in one call where the system has one. Returns how many bytes.
#[cfg(target_os = "linux")]
pub(super) fn write_parts(file: &File, position: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    // rustix passes no more parts than the system takes in one call (1024); the caller loops.
    Ok(rustix::io::pwritev(file, parts, position)?)
}

/// Writes some of the parts at `position`: here, without a vectored call, the first one.
#[cfg(not(target_os = "linux"))]
pub(super) fn write_parts(file: &File, position: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    match parts.iter().find(|part| !part.is_empty()) {
        Some(part) => file.write_at(part, position),
        None => Ok(0),
    }
}

/// Allocates the blocks of a range beyond the file's end without changing its length, so that a full disk
/// is reported before anything is written. Does nothing where the filesystem cannot.
#[cfg(target_os = "linux")]
pub(super) fn allocate(file: &File, position: u64, length: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    loop {
        return match fallocate(file, FallocateFlags::KEEP_SIZE, position, length) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// Without such a call, a full disk is noticed while the zeros are written; the caller cuts them again.
#[cfg(not(target_os = "linux"))]
pub(super) fn allocate(_file: &File, _position: u64, _length: u64) -> io::Result<()> {
    Ok(())
}

/// Reads the pages of a mapped range into the page table, so that a bad sector is an error and not a
/// signal. `position` need not be aligned. Does nothing on kernels before 5.14.
#[cfg(target_os = "linux")]
pub(super) fn populate(map: &memmap2::MmapRaw, position: usize, length: usize) -> io::Result<()> {
    use rustix::io::Errno;
    loop {
        let Err(error) = map.advise_range(memmap2::Advice::PopulateRead, position, length) else {
            return Ok(());
        };
        match Errno::from_io_error(&error) {
            Some(Errno::INTR | Errno::AGAIN) => {}
            // EINVAL: the kernel does not know the advice.
            Some(Errno::INVAL | Errno::NOSYS) => return Ok(()),
            // EFAULT: the page could not be read in; what a read of it would call EIO.
            Some(Errno::FAULT) => return Err(Errno::IO.into()),
            _ => return Err(error),
        }
    }
}

/// Without such an advice the window for a signal stays open.
#[cfg(not(target_os = "linux"))]
pub(super) fn populate(
    _map: &memmap2::MmapRaw,
    _position: usize,
    _length: usize,
) -> io::Result<()> {
    Ok(())
}

/// The kernel's id of this boot, and the id of the mount that `root` is on: one that is never given again where the kernel
/// has such (6.8), else one that another mount may get once this one is gone. A bind mount, such as a container has, is a
/// mount of its own: a container started anew counts as another one although the page cache has survived, which costs
/// time and no data.
#[cfg(target_os = "linux")]
pub(super) fn cache_id(root: &Path) -> io::Result<Option<CacheId>> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    /// `STATX_MNT_ID_UNIQUE`, which rustix does not name.
    const MOUNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let Ok(boot) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") else {
        return Ok(None);
    };
    let boot = boot.trim().replace('-', "");
    let Ok(boot) = u128::from_str_radix(&boot, 16) else {
        return Ok(None);
    };
    let asked = StatxFlags::MNT_ID | MOUNT_ID_UNIQUE;
    let found = statx(CWD, root, AtFlags::empty(), asked)?;
    let says_mount = found.stx_mask & asked.bits() != 0;
    Ok(says_mount.then(|| CacheId::new(boot, found.stx_mnt_id)))
}

/// Without such ids every run that did not end well may have been ended by a power cut.
#[cfg(not(target_os = "linux"))]
pub(super) fn cache_id(_root: &Path) -> io::Result<Option<CacheId>> {
    Ok(None)
}

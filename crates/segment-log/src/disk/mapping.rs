//! Files mapped for reading, slices of them, and what happens when a mapped page cannot be read.
//!
//! All `unsafe` code of Strandline is here. A map is sound for as long as nobody cuts the file below a
//! slice, and no byte of a slice changes: the log above slices committed bytes only, which are never cut
//! and never overwritten. The kernel reports a page that cannot be read (a bad sector, a cut file) by
//! SIGBUS; ranges are read in before they are handed out, which makes that an error in all but a small
//! window, and for this window [`install_bus_error_handler`] names the file before the process ends.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{MmapOptions, MmapRaw};

use super::linux;
use super::mapped_ranges::{self, NAME_BYTES, NamedRange};

/// The exit code of a process that met an unreadable mapped page: 128 + SIGBUS on Linux.
pub const BUS_ERROR_EXIT_CODE: i32 = 135;

/// A read-only map of a file's first bytes. Unmapped when it and all its slices are dropped.
pub(super) struct Mapping {
    // Before the map: a range must lose its name before its addresses can be given to another map.
    _name: Option<NamedRange>,
    map: MmapRaw,
}

impl Mapping {
    /// Maps the first `length` bytes of a file; `path` is for the message of a bus error.
    pub(super) fn new(file: &File, length: usize, path: &Path) -> io::Result<Self> {
        let map = MmapOptions::new().len(length).map_raw_read_only(file)?;
        let start = map.as_ptr().addr();
        let name = path.as_os_str().as_encoded_bytes();
        Ok(Self {
            _name: NamedRange::new(start..start + length, name),
            map,
        })
    }

    /// How many bytes are mapped.
    pub(super) fn length(&self) -> usize {
        self.map.len()
    }
}

/// A slice of a map, read in. `range` must lie within the map and within the file.
///
/// Errors: what reading the pages gives (EIO for a bad sector), `UnexpectedEof` outside the map.
pub(super) fn slice(mapping: &Arc<Mapping>, range: Range<usize>) -> io::Result<Bytes> {
    if range.start >= range.end {
        return Ok(Bytes::new());
    }
    if range.end > mapping.length() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    linux::populate(&mapping.map, range.start, range.end - range.start)?;
    Ok(Bytes::from_owner(MappedBytes {
        mapping: Arc::clone(mapping),
        range,
    }))
}

/// Keeps the map alive for one slice. `range` lies within the map.
struct MappedBytes {
    mapping: Arc<Mapping>,
    range: Range<usize>,
}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        let start = self.mapping.map.as_ptr().wrapping_add(self.range.start);
        // SAFETY: `slice` checked that the range lies within the map, which lives as long as `self` and is
        // readable. By the contract of `DiskFile::slice` the bytes are neither cut nor overwritten while a
        // slice of them lives. The reference covers this range alone, not what is still being written
        // behind it.
        unsafe { std::slice::from_raw_parts(start, self.range.end - self.range.start) }
    }
}

/// From now on a mapped page that cannot be read ends the process with a line on stderr that names the
/// file, and with [`BUS_ERROR_EXIT_CODE`]. A bus error elsewhere keeps its default action. Once per process.
pub fn install_bus_error_handler() -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid value (no flags, empty mask, default action).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_bus_error as *const () as libc::sighandler_t;
    // On the alternate stack, where std has set one up; a second fault inside ends the process at once.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
    // SAFETY: `action` is initialised, and its handler has the signature that SA_SIGINFO asks for and calls
    // nothing but async-signal-safe functions.
    let result = unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Runs inside the signal: no lock, no allocation, no panic.
extern "C" fn on_bus_error(
    _signal: c_int,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    if info.is_null() {
        return;
    }
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo_t, and a SIGBUS carries an address.
    let address = unsafe { (*info).si_addr() }.addr();
    let mut name = [0; NAME_BYTES];
    let Some(length) = mapped_ranges::name_of(address, &mut name) else {
        // Not ours. SA_RESETHAND has put the default action back: the access faults again and takes it.
        return;
    };
    write_to_stderr(b"strand: the file ");
    write_to_stderr(name.get(..length).unwrap_or(&name));
    write_to_stderr(
        b" could not be read through its map (bad sector, or cut by somebody else). \
          Stopping now; check the device, then start again: recovery will name the damaged byte.\n",
    );
    // SAFETY: `_exit` is async-signal-safe and runs no destructor.
    unsafe { libc::_exit(BUS_ERROR_EXIT_CODE) }
}

fn write_to_stderr(bytes: &[u8]) {
    // SAFETY: `write` is async-signal-safe; pointer and length are those of a live slice. A short or failed
    // write is left at that: there is nobody to tell.
    unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

//! The operating system's entropy, in a simulation: always the same.
//!
//! The standard library seeds its hash maps from it, and tokio its choice among ready branches. A child process that
//! runs one seed asks for it before anything else; then iteration orders and choices repeat themselves too.
#![allow(
    unsafe_code,
    reason = "a symbol of the C library can be replaced in no other way"
)]

use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static SIMULATED: AtomicBool = AtomicBool::new(false);
static STATE: AtomicU64 = AtomicU64::new(0x5eed);

/// From now on entropy repeats itself from run to run. For a process of its own.
pub(crate) fn simulate() {
    SIMULATED.store(true, Ordering::SeqCst);
}

/// Takes the place of the C library's function of this name, in this test alone.
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(
    buffer: *mut c_void,
    length: usize,
    flags: c_uint,
) -> isize {
    if !SIMULATED.load(Ordering::SeqCst) {
        // SAFETY: the caller's promise is handed on.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as isize };
    }
    for at in 0..length {
        let number = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        let byte = (number >> 32) as u8;
        // SAFETY: `at` is below the length that the caller vouches for.
        unsafe { buffer.cast::<u8>().add(at).write(byte) };
    }
    length as isize
}

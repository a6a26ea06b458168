//! Everything that happens, in order: a hash of it tells whether two runs are the same, and a replay prints it.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

/// The trace of one run. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Inner>);

struct Inner {
    began: Instant,
    prints: bool,
    state: Mutex<State>,
}

struct State {
    hash: u64,
    events: u64,
}

impl Trace {
    pub(crate) fn new(prints: bool) -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            prints,
            state: Mutex::new(State {
                hash: 0xcbf2_9ce4_8422_2325,
                events: 0,
            }),
        }))
    }

    /// Simulated nanoseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.0.began.elapsed().as_nanos() as u64
    }

    /// Takes note of something that happened now.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        let now = self.now();
        let mut state = self.0.state.lock().unwrap();
        state.events += 1;
        // Writing into a hash does not fail.
        let _ = writeln!(Fnv(&mut state.hash), "{now} {what}");
        if self.0.prints {
            println!("{:>13.6} {what}", now as f64 / 1e9);
        }
    }

    /// The hash of all that happened so far, and how much that was.
    pub(crate) fn digest(&self) -> (u64, u64) {
        let state = self.0.state.lock().unwrap();
        (state.hash, state.events)
    }
}

/// FNV-1a.
struct Fnv<'a>(&'a mut u64);

impl Write for Fnv<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

/// Notes an event, formatted as by `format!`.
macro_rules! note {
    ($trace:expr, $($what:tt)*) => { $trace.note(format_args!($($what)*)) };
}
pub(crate) use note;

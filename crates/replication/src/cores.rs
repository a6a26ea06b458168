//! One current-thread runtime per core: a group's Raft tasks live on one of them and never move.

use std::io;
use std::num::NonZeroUsize;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// The runtimes, each on a thread of its own.
pub struct Cores {
    handles: Vec<Handle>,
    stop: watch::Sender<bool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Cores {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// The operating system refuses a thread or its event queue.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let (stop, _) = watch::channel(false);
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count.get() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let mut stopped = stop.subscribe();
            let run = move || {
                runtime.block_on(async move {
                    // An error means that the sender is gone: stop as well.
                    let _ = stopped.wait_for(|stop| *stop).await;
                });
            };
            let thread = std::thread::Builder::new().name(format!("core-{number}"));
            threads.push(thread.spawn(run)?);
        }
        Ok(Self {
            handles,
            stop,
            threads: Mutex::new(threads),
        })
    }

    /// The runtime of the caller as the only core, which its owner stops: for simulations.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn here() -> Self {
        Self {
            handles: vec![Handle::current()],
            stop: watch::channel(false).0,
            threads: Mutex::default(),
        }
    }

    /// How many cores there are.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Never: there is at least one.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// The runtime of a core; `core` counts round and round.
    pub fn handle(&self, core: usize) -> &Handle {
        let count = self.handles.len().max(1);
        // `start` made at least one.
        #[allow(clippy::indexing_slicing)]
        &self.handles[core % count]
    }

    /// Stops the runtimes; what still runs on them is dropped. Blocks until the threads are gone.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a core's thread has panicked");
            }
        }
    }
}

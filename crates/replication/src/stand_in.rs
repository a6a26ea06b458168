//! A task that stands in the place of a group which may not run yet.

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::process;

/// The task, begun once and stopped at any time.
pub(crate) struct StandIn {
    /// What it does, for people.
    what: &'static str,
    stop: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl StandIn {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            stop: watch::Sender::new(false),
            running: Mutex::default(),
        }
    }

    /// Begins on the group's home core; `done` is called with what has come of it, unless it was stopped before.
    pub(crate) fn begin<T: Send>(
        &self,
        home: &Handle,
        task: impl Future<Output = T> + Send + 'static,
        done: impl FnOnce(T) + Send + 'static,
    ) {
        let mut stopped = self.stop.subscribe();
        let running = process::spawn_on(home, async move {
            tokio::select! {
                ended = task => done(ended),
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
        *self.running.lock() = Some(running);
    }

    /// Stops it, and waits until it has.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let running = self.running.lock().take();
        if let Some(running) = running
            && let Err(error) = running.await
        {
            tracing::error!(%error, "{} has crashed", self.what);
        }
    }
}

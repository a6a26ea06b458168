//! A task that stands in the place of a group which may not run yet.

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

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

    /// Begins on the group's home core. Once it has ended or was stopped, and so has what it does on threads of their
    /// own, `close` is called, which may block; and then `done` with what has come of it, unless it was stopped before.
    pub(crate) fn begin<T: Send>(
        &self,
        home: &Handle,
        task: impl Future<Output = T> + Send + 'static,
        close: impl FnOnce() + Send + 'static,
        done: impl FnOnce(T) + Send + 'static,
    ) {
        let mut stopped = self.stop.subscribe();
        let what = self.what;
        let running = process::spawn_on(home, async move {
            let calls = TaskTracker::new();
            let ended = tokio::select! {
                ended = process::counting_calls(calls.clone(), task) => Some(ended),
                _ = stopped.wait_for(|stop| *stop) => None,
            };
            // A call goes on when nobody waits for it any more: it would meet whatever has the place next.
            calls.close();
            calls.wait().await;
            if let Err(error) = process::blocking(close).await {
                tracing::error!(%error, "{what} was not closed");
            }
            if let Some(ended) = ended {
                done(ended);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_call_in_flight_has_ended_when_the_task_is_stopped() {
        let stand_in = StandIn::new("a test");
        let (begun, mut has_begun) = watch::channel(false);
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let order = Arc::new(Mutex::new(Vec::new()));
        let (in_call, in_close) = (order.clone(), order.clone());
        let task = async move {
            let call = process::blocking(move || {
                begun.send_replace(true);
                may_go_on.recv().unwrap();
                in_call.lock().push("call");
            });
            call.await.unwrap();
        };
        let close = move || in_close.lock().push("close");
        let done = |()| panic!("it was stopped");
        stand_in.begin(&Handle::current(), task, close, done);
        has_begun.wait_for(|begun| *begun).await.unwrap();
        let stopping = stand_in.stop();
        tokio::pin!(stopping);
        // Stopped while the call is under way: it waits for that.
        assert!(futures_util::poll!(&mut stopping).is_pending());
        tokio::task::yield_now().await;
        assert!(futures_util::poll!(&mut stopping).is_pending());
        go_on.send(()).unwrap();
        stopping.await;
        assert_eq!(*order.lock(), ["call", "close"]);
    }
}

//! Ends what would go on for as long as a client likes: streams and long polls.

use rpc::{Reason, v1};
use tokio::sync::watch;

/// Tells every stream and long poll to end.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on streams answer what they have taken in and end, with UNAVAILABLE.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn signal(&self) -> StopSignal {
        StopSignal(self.0.subscribe())
    }
}

/// Sees that the API stops.
#[derive(Clone, Debug)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Waits until the API stops; for ever, where nobody can stop it any more.
    pub(crate) async fn stopped(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What a stream that was told to end says.
pub(crate) fn shutting_down() -> v1::Error {
    v1::Error::new(
        Reason::ShuttingDown,
        "the broker is shutting down; go on at another one, or in a moment",
    )
}

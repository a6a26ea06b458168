//! SIGTERM and SIGINT: the first stops the broker, the second ends the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a process that was told twice.
const AT_ONCE_EXIT_CODE: i32 = 1;

/// The signals that stop a broker, caught from now on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them. Needs a runtime.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first; from then on the second ends the process at once. Nothing acknowledged is lost by that.
    pub(crate) async fn first(mut self) {
        let name = self.next().await;
        tracing::info!(
            signal = name,
            "stopping; a second signal ends the process at once"
        );
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::warn!(signal = name, "ending at once");
            std::process::exit(AT_ONCE_EXIT_CODE);
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

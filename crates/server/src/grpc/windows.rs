//! How far a connection may send ahead of being read: HTTP/2 windows, of which all connections share a budget.
//!
//! A wide window makes bulk on one connection fast (measured: 17 to 100 %), but is also what a client can make
//! the broker hold. So the first connections get wide ones, later ones what is left, and at least the 64 KiB that
//! HTTP/2 gives to everybody.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::Server;

/// A size of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    /// All streams of the connection together, in bytes.
    connection_bytes: u32,
    /// One stream, in bytes.
    stream_bytes: u32,
}

/// From the widest to the one that everybody gets.
pub(super) const WIDTHS: [Width; 3] = [
    Width {
        connection_bytes: 16 << 20,
        stream_bytes: 8 << 20,
    },
    Width {
        connection_bytes: 2 << 20,
        stream_bytes: 1 << 20,
    },
    Width {
        connection_bytes: 64 << 10,
        stream_bytes: 64 << 10,
    },
];

/// What the windows of all connections may hold together.
pub(super) struct Windows {
    /// A permit is 1 KiB.
    left: Arc<Semaphore>,
    kibibytes: usize,
}

/// A connection's share; it is given back when this is dropped.
pub(super) struct Window {
    /// Which of [`WIDTHS`] it is.
    pub(super) width: usize,
    _share: Option<OwnedSemaphorePermit>,
}

impl Windows {
    /// A budget of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let kibibytes = usize::try_from(bytes / 1024).unwrap_or(Semaphore::MAX_PERMITS);
        let kibibytes = kibibytes.min(Semaphore::MAX_PERMITS);
        Self {
            left: Arc::new(Semaphore::new(kibibytes)),
            kibibytes,
        }
    }

    /// The widest window that is to be had: the widest of all only from the first half of the budget.
    pub(super) fn take(&self) -> Window {
        let from_first_half = self.left.available_permits() * 2 > self.kibibytes;
        let last = WIDTHS.len() - 1;
        let widths = WIDTHS.iter().enumerate().take(last);
        for (width, size) in widths.skip(usize::from(!from_first_half)) {
            let share = size.connection_bytes / 1024;
            if let Ok(share) = self.left.clone().try_acquire_many_owned(share) {
                return Window {
                    width,
                    _share: Some(share),
                };
            }
        }
        Window {
            width: last,
            _share: None,
        }
    }
}

impl Width {
    /// A server whose connections have these windows.
    pub(super) fn of(self, server: Server) -> Server {
        server
            .initial_connection_window_size(self.connection_bytes)
            .initial_stream_window_size(self.stream_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_connections_get_wide_windows_and_all_together_no_more_than_the_budget() {
        let windows = Windows::new(64 << 20);
        let mut taken: Vec<_> = (0..30).map(|_| windows.take()).collect();
        let count =
            |taken: &[Window], width| taken.iter().filter(|window| window.width == width).count();
        assert_eq!(count(&taken, 0), 2);
        assert_eq!(count(&taken, 1), 16);
        assert_eq!(count(&taken, 2), 12);
        taken.retain(|window| window.width != 0);
        assert_eq!(windows.take().width, 1, "half of the budget is in use");
        taken.clear();
        assert_eq!(
            windows.take().width,
            0,
            "closed connections give theirs back"
        );
    }

    #[test]
    fn a_budget_too_small_for_any_leaves_what_everybody_gets() {
        assert_eq!(Windows::new(1 << 20).take().width, 2);
    }
}

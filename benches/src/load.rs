//! The load: batches encoded once, sent in closed and open loops; and consumers that read as fast as they can.

mod batches;
mod closed_loop;
mod one_batch;
mod open_loop;
mod raw_tcp;
mod subscriber;

pub(crate) use batches::{batch_of, encoded_batch, produce_frame};
pub(crate) use closed_loop::{ClosedLoop, Until};
pub(crate) use one_batch::acknowledged;
pub(crate) use open_loop::OpenLoop;
pub(crate) use raw_tcp::{raw_ping_pong, receive_all, send_batches};
pub(crate) use subscriber::subscribe;

use std::future::Future;

use anyhow::Result;

/// Runs a load on this thread alone.
fn block_on<T>(load: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(load)
}

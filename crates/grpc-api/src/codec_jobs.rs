//! Compresses and decompresses beside the runtime: a large batch would hold up every connection of its core.
//!
//! Only so many jobs run at a time, which also bounds the memory that decompressed batches take.

use std::sync::Arc;

use model::batch::Codec;
use rpc::{Reason, v1};
use tokio::sync::Semaphore;

/// Plain bytes are only moved about: that much at once is no burden.
const INLINE_PLAIN_BYTES: usize = 256 << 10;
/// Compressing is a hundred times slower.
const INLINE_CODEC_BYTES: usize = 8 << 10;

/// Runs codec jobs. Clones share the limit.
#[derive(Clone)]
pub(crate) struct CodecJobs(Arc<Semaphore>);

impl CodecJobs {
    pub(crate) fn new(jobs_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(jobs_max)))
    }

    /// Does work that compresses this many bytes, at once where it is little.
    pub(crate) async fn compress<T: Send + 'static>(
        &self,
        codec: Codec,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, v1::Error> {
        let limit = match codec {
            Codec::None => INLINE_PLAIN_BYTES,
            _ => INLINE_CODEC_BYTES,
        };
        if bytes <= limit {
            Ok(work())
        } else {
            self.beside(work).await
        }
    }

    /// Does work that reads this many stored bytes. What is compressed may be much larger than it looks.
    pub(crate) async fn decompress<T: Send + 'static>(
        &self,
        any_compressed: bool,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, v1::Error> {
        if !any_compressed && bytes <= INLINE_PLAIN_BYTES {
            Ok(work())
        } else {
            self.beside(work).await
        }
    }

    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, v1::Error> {
        // Never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok();
        let job = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        job.await.map_err(|error| {
            let message = format!("a batch could not be converted: {error}; see the broker's log");
            v1::Error::new(Reason::Internal, message)
        })
    }
}

//! Writes batches, many in flight, their results in order.
//!
//! An idempotent producer (the default) numbers its batches and sends each again until it is answered or its time is
//! over; the broker writes it once. Otherwise a batch is sent again only where it was certainly not written: it had not
//! left this process, or the broker refused it for a passing reason and nothing behind it was written to the same
//! partition. A batch that was under way when the stream broke has an unknown outcome then, and says so. So it is with
//! batches without acknowledgement.

mod batch;
mod delivery;
mod driver;
mod error;
mod gate;
mod idempotent;
mod in_flight;
mod ledger;
mod stream;
mod window;

use std::time::Duration;

use model::Acks;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use batch::OutgoingBatch;
pub use delivery::{Acknowledgement, Delivered, Delivery};
pub use error::ProduceError;

use crate::client::Client;
use driver::Driver;
use idempotent::IdempotentDriver;
use in_flight::InFlight;
use window::Window;

/// How a [`Producer`] works.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// What to wait for.
    pub acks: Acks,
    /// How long a batch may take from [`Producer::send`] to its result, attempts and all.
    pub delivery_timeout: Duration,
    /// Most batches without a result; at least 1.
    pub in_flight_batches_max: usize,
    /// Most bytes without a result. A larger batch travels alone.
    pub in_flight_bytes_max: usize,
    /// Whether batches are numbered, so that each is written once however often it is sent. Only with
    /// [`Acks::Quorum`].
    pub idempotent: bool,
    /// Whether batches of a partition behind one that failed fail too: nothing is written behind a gap. Only where
    /// batches are numbered.
    pub stops_at_failure: bool,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            acks: Acks::Quorum,
            delivery_timeout: Duration::from_secs(30),
            in_flight_batches_max: 64,
            in_flight_bytes_max: 32 << 20,
            idempotent: true,
            stops_at_failure: false,
        }
    }
}

/// The producer has ended: its runtime is shutting down.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the producer has ended")]
pub struct ProducerClosed;

/// Writes batches. Those of one partition are written in the order in which they were sent.
#[derive(Debug)]
pub struct Producer {
    queue: mpsc::UnboundedSender<InFlight>,
    /// For batches with numbers.
    numbered: Option<mpsc::UnboundedSender<InFlight>>,
    window: Window,
    settings: ProducerSettings,
    drivers: Vec<JoinHandle<Result<(), ProduceError>>>,
}

impl Producer {
    /// Begins a producer; the stream is opened by the first batch.
    pub fn open(client: &Client, settings: ProducerSettings) -> Self {
        // Bounded by the window, which every batch passes before it is queued.
        let (queue, batches) = mpsc::unbounded_channel();
        let window = Window::new(settings.in_flight_batches_max, settings.in_flight_bytes_max);
        let driver = Driver::new(client.clone(), settings.clone(), batches);
        let mut drivers = vec![tokio::spawn(driver.run())];
        let is_idempotent = settings.idempotent && settings.acks == Acks::Quorum;
        let numbered = is_idempotent.then(|| {
            let (queue, batches) = mpsc::unbounded_channel();
            let driver = IdempotentDriver::new(client.clone(), settings.clone(), batches);
            drivers.push(tokio::spawn(driver.run()));
            queue
        });
        Self {
            queue,
            numbered,
            window,
            settings,
            drivers,
        }
    }

    /// Hands a batch on, once the window has room. The result comes from the [`Delivery`].
    ///
    /// # Errors
    /// [`ProducerClosed`].
    pub async fn send(&self, batch: OutgoingBatch) -> Result<Delivery, ProducerClosed> {
        let room = self.window.enter(batch.bytes()).await;
        let (in_flight, delivery) = InFlight::new(batch, room, self.settings.delivery_timeout);
        let queue = self.numbered.as_ref().unwrap_or(&self.queue);
        queue.send(in_flight).map_err(|_| ProducerClosed)?;
        Ok(delivery)
    }

    /// Waits until every batch has its result and the broker has taken all that was sent.
    ///
    /// # Errors
    /// Why the broker may not have taken all. Batches' own errors come from their deliveries.
    pub async fn close(self) -> Result<(), ProduceError> {
        drop(self.queue);
        drop(self.numbered);
        for driver in self.drivers {
            driver.await.unwrap_or(Err(ProduceError::Abandoned))?;
        }
        Ok(())
    }
}

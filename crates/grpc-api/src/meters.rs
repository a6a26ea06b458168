//! How long calls take, how many fail, how many streams are open: figures for each RPC, looked up once.

use broker::Broker;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tokio::time::Instant;
use tonic::{Response, Status};

use rpc::v1;

use crate::failure;

/// The figures of one RPC.
#[derive(Clone)]
pub(crate) struct Meter {
    seconds: Histogram,
    failures: Counter,
}

impl Meter {
    /// The figures of this RPC, at the recorder that is installed now.
    pub(crate) fn of(rpc: &'static str) -> Self {
        Self {
            seconds: histogram!("strandline_grpc_request_seconds", "rpc" => rpc),
            failures: counter!("strandline_grpc_failures_total", "rpc" => rpc),
        }
    }

    /// As [`Meter::call`], where this broker knows the cluster as it is. Where not, another one is to be asked.
    pub(crate) async fn call_joined<T>(
        &self,
        broker: &Broker,
        work: impl Future<Output = Result<T, v1::Error>>,
    ) -> Result<Response<T>, Status> {
        let joined = broker.joined();
        self.call(async {
            joined.map_err(|error| failure::not_joined(&error))?;
            work.await
        })
        .await
    }

    /// Does the work of one call, and turns its error into a status.
    pub(crate) async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, v1::Error>>,
    ) -> Result<Response<T>, Status> {
        let started = Instant::now();
        let answer = work.await;
        self.seconds.record(started.elapsed());
        match answer {
            Ok(message) => Ok(Response::new(message)),
            Err(error) => {
                self.failures.increment(1);
                Err(error.into())
            }
        }
    }
}

/// The figures of one streaming RPC.
#[derive(Clone)]
pub(crate) struct StreamMeter(Gauge);

impl StreamMeter {
    /// The figures of this RPC, at the recorder that is installed now.
    pub(crate) fn of(rpc: &'static str) -> Self {
        Self(gauge!("strandline_grpc_open_streams", "rpc" => rpc))
    }

    /// Counts a stream, until what is returned is dropped.
    pub(crate) fn open(&self) -> OpenStream {
        self.0.increment(1);
        OpenStream(self.0.clone())
    }
}

/// A stream that is open.
pub(crate) struct OpenStream(Gauge);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

//! The floor of everything over gRPC: stock tonic serving our API on one thread, with nothing behind it.
//!
//! A produced batch is acknowledged as it comes; a subscription streams slices of a mapped file.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::ready;
use futures_util::{Stream, StreamExt, stream};
use rpc::v1::consumer_server::{Consumer, ConsumerServer};
use rpc::v1::producer_server::{Producer, ProducerServer};
use rpc::v1::{
    FetchRequest, FetchResponse, FetchResult, InitProducerRequest, InitProducerResponse,
    ListOffsetsRequest, ListOffsetsResponse, ProduceRequest, ProduceResponse, ProduceResult,
    ProduceStreamRequest, ProduceStreamResponse, SubscribeRequest, SubscribeResponse,
};
use segment_log::disk::{Disk, DiskFile, RealDisk};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::harness::announce;

/// Bytes of one message of a subscription.
const MESSAGE_BYTES: u64 = 256 << 10;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves until the process ends.
pub(super) fn serve(listener: TcpListener, file: PathBuf) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stub = Stub {
        file: open(&file).ok(),
    };
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let connections = TcpListenerStream::new(listener).map(|connection| {
            connection.inspect(|connection| {
                // A connection that is gone already fails later.
                let _ = connection.set_nodelay(true);
            })
        });
        announce(address)?;
        Server::builder()
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(16 << 20)
            .max_frame_size(1 << 20)
            .add_service(ProducerServer::new(stub.clone()))
            .add_service(ConsumerServer::new(stub))
            .serve_with_incoming(connections)
            .await
            .context("serving")
    })
}

fn open(file: &Path) -> Result<Arc<dyn DiskFile>> {
    let directory = file.parent().context("a file without a directory")?;
    let name = file.file_name().context("a file without a name")?;
    Ok(RealDisk::new(directory).open(Path::new(name))?)
}

#[derive(Clone)]
struct Stub {
    /// What subscribers get; none where nobody will ask.
    file: Option<Arc<dyn DiskFile>>,
}

#[tonic::async_trait]
impl Producer for Stub {
    type ProduceStreamStream = Answers<ProduceStreamResponse>;

    async fn init_producer(
        &self,
        _: Request<InitProducerRequest>,
    ) -> Result<Response<InitProducerResponse>, Status> {
        Err(Status::unimplemented("a stub"))
    }

    async fn produce(
        &self,
        request: Request<ProduceRequest>,
    ) -> Result<Response<ProduceResponse>, Status> {
        let batches = request.into_inner().batches;
        let results = batches
            .into_iter()
            .map(|batch| acknowledgement(batch.topic));
        Ok(Response::new(ProduceResponse {
            results: results.collect(),
        }))
    }

    async fn produce_stream(
        &self,
        request: Request<Streaming<ProduceStreamRequest>>,
    ) -> Result<Response<Self::ProduceStreamStream>, Status> {
        let answers = request.into_inner().map(|request| {
            let topic = request?.batch.unwrap_or_default().topic;
            Ok(ProduceStreamResponse {
                results: vec![acknowledgement(topic)],
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

fn acknowledgement(topic: String) -> ProduceResult {
    ProduceResult {
        topic,
        records: 1,
        ..ProduceResult::default()
    }
}

#[tonic::async_trait]
impl Consumer for Stub {
    type SubscribeStream = Answers<SubscribeResponse>;

    async fn fetch(&self, _: Request<FetchRequest>) -> Result<Response<FetchResponse>, Status> {
        Err(Status::unimplemented("a stub"))
    }

    async fn subscribe(
        &self,
        requests: Request<Streaming<SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let file = self.file.clone().ok_or(Status::not_found("no file"))?;
        let positions = (0..file.length()).step_by(MESSAGE_BYTES as usize);
        let answers = stream::iter(positions).map(move |from| {
            let until = file.length().min(from + MESSAGE_BYTES);
            let batches = file.slice(from..until)?;
            let used_bytes = (until - from).cast_signed();
            let results = vec![FetchResult {
                batches: vec![batches],
                ..FetchResult::default()
            }];
            Ok(SubscribeResponse {
                results,
                used_bytes,
            })
        });
        // Credit is taken and counts for nothing; the call ends when the client ends it.
        let credit = requests
            .into_inner()
            .filter_map(|request| ready(request.err().map(Err)));
        Ok(Response::new(Box::pin(answers.chain(credit))))
    }

    async fn list_offsets(
        &self,
        _: Request<ListOffsetsRequest>,
    ) -> Result<Response<ListOffsetsResponse>, Status> {
        Err(Status::unimplemented("a stub"))
    }
}

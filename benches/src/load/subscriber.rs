//! A consumer that reads encoded batches as fast as they come.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rpc::v1::subscribe_request::Request;
use rpc::v1::{
    FetchPartition, IsolationLevel, RecordFormat, SubscribeRequest, SubscribeResponse,
    SubscribeStart,
};

use super::block_on;
use crate::harness::Pass;
use crate::wire::{Connection, frame};

/// What may be on its way to the consumer, in bytes.
const CREDIT_BYTES: i64 = 64 << 20;

/// Reads partition 0 of `topic` from its start until there were `bytes` bytes of batches.
pub(crate) fn subscribe(server: SocketAddr, topic: &str, bytes: u64) -> Result<Pass> {
    block_on(read(server, topic, bytes))
}

async fn read(server: SocketAddr, topic: &str, bytes: u64) -> Result<Pass> {
    let connection = Connection::open(server).await?;
    let start = Instant::now();
    let (mut requests, mut responses) = connection.call("strandline.v1.Consumer/Subscribe").await?;
    requests.send(frame(&request(Request::Start(SubscribeStart {
        partitions: vec![FetchPartition {
            topic: topic.to_owned(),
            partition: 0,
            offset: 0,
            max_bytes: 0,
        }],
        credit_bytes: CREDIT_BYTES,
        format: RecordFormat::Encoded.into(),
        isolation: IsolationLevel::ReadUncommitted.into(),
    })))?)?;
    let (mut received, mut owed) = (0, 0);
    while received < bytes {
        let response: SubscribeResponse = responses
            .next()
            .await?
            .with_context(|| format!("the stream ended after {received} of {bytes} bytes"))?;
        for result in &response.results {
            if let Some(error) = &result.error {
                bail!("cannot read: {} ({})", error.message, error.reason);
            }
            received += result
                .batches
                .iter()
                .map(|run| run.len() as u64)
                .sum::<u64>();
        }
        owed += response.used_bytes;
        if owed >= CREDIT_BYTES / 4 {
            requests.send(frame(&request(Request::CreditBytes(owed)))?)?;
            owed = 0;
        }
    }
    Ok(Pass {
        seconds: start.elapsed().as_secs_f64(),
        bytes: received,
        ..Pass::default()
    })
}

fn request(request: Request) -> SubscribeRequest {
    SubscribeRequest {
        request: Some(request),
    }
}

//! One batch, sent to whoever takes it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use rpc::v1::ProduceStreamResponse;

use super::block_on;
use super::closed_loop::check;
use crate::wire::Connection;

/// How long one server may take before the next one is asked.
const TRY_FOR: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(2);

/// Sends a message, framed already, to one server after the other until one acknowledges it; how long that took.
pub(crate) fn acknowledged(
    servers: &[SocketAddr],
    message: &Bytes,
    within: Duration,
) -> Result<Duration> {
    let began = Instant::now();
    block_on(async {
        for server in servers.iter().cycle() {
            let sent = tokio::time::timeout(TRY_FOR, send(*server, message)).await;
            if matches!(sent, Ok(Ok(()))) {
                return Ok(began.elapsed());
            }
            ensure!(
                began.elapsed() < within,
                "nobody acknowledged within {within:?}: {sent:?}"
            );
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::bail!("there is no server")
    })
}

async fn send(server: SocketAddr, message: &Bytes) -> Result<()> {
    let connection = Connection::open(server).await?;
    let call = connection.call("strandline.v1.Producer/ProduceStream");
    let (mut requests, mut responses) = call.await?;
    requests.send(message.clone())?;
    let answer: ProduceStreamResponse = responses.next().await?.context("no answer")?;
    check(&answer)?;
    requests.finish()
}

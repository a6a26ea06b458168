//! One stream of batches: a task reads and hands on, the response gives results as they come.

use futures_util::{Stream, StreamExt, stream};
use model::Acks;
use rpc::{InvalidField, v1};
use tonic::Status;

use super::asked::Asked;
use super::session::{Answers, Gone, Submitter};
use crate::broken_message::explained;
use crate::meters::OpenStream;
use crate::stop::{StopSignal, shutting_down};

/// Hands on what comes in, until the client ends the stream, nobody takes results, or the API stops.
pub(super) async fn read(
    mut requests: impl Stream<Item = Result<v1::ProduceStreamRequest, Status>> + Unpin,
    mut submitter: Submitter,
    mut stop: StopSignal,
) {
    for place in 0.. {
        let request = tokio::select! {
            biased;
            request = requests.next() => request.transpose(),
            () = stop.stopped() => Err(shutting_down().into()),
        };
        let handed_on = match request {
            Ok(Some(request)) => hand_on(&mut submitter, place, request).await,
            Ok(None) => return,
            Err(status) => return submitter.end(explained(status)).await,
        };
        if handed_on.is_err() {
            return;
        }
    }
}

async fn hand_on(
    submitter: &mut Submitter,
    place: usize,
    request: v1::ProduceStreamRequest,
) -> Result<(), Gone> {
    let batch = request.batch.unwrap_or_default();
    match v1::Acks::read("acks", request.acks) {
        Ok(acks) => submitter.submit(place, batch, Acks::from(acks)).await,
        Err(error) => refuse(submitter, place, &batch, error).await,
    }
}

async fn refuse(
    submitter: &mut Submitter,
    place: usize,
    batch: &v1::ProduceBatch,
    error: InvalidField,
) -> Result<(), Gone> {
    submitter
        .refuse(Asked::of(place, batch), error.into())
        .await
}

/// The results, several in one message where they are ready together.
pub(super) fn responses(
    answers: Answers,
    open: OpenStream,
) -> impl Stream<Item = Result<v1::ProduceStreamResponse, Status>> + Send {
    stream::unfold((answers, open), |(mut answers, open)| async {
        let answered = answers.next().await?;
        let response = answered.map(|results| v1::ProduceStreamResponse { results });
        Some((response, (answers, open)))
    })
}

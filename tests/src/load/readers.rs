//! Consumers: one that reads along, one that comes anew, one that asks for the ends.

use std::time::Duration;

use crate::harness::Api;
use checker::history::{Action, End, Kind, Seen};
use rpc::Reason;
use rpc::v1::offset_query::Position;
use rpc::v1::{Earliest, FetchPartition, FetchResult, Latest, ListOffsetsRequest, OffsetQuery};

use super::payload::name_of;
use tokio::time::timeout;

use super::stage::{PARTITIONS, Stage};

/// How long an answer is waited for: a broker that is paused or cut off gives none.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Reads along, through all restarts, without a gap.
pub(super) async fn tail(stage: Stage, partition: u32) {
    let process = stage.new_process();
    let mut next = 0;
    while !stage.is_stopping() {
        let mut api = stage.connect().await;
        while let Some(result) = poll(&stage, &mut api, process, partition, next, false).await {
            next = result.next_offset as u64;
            if stage.is_stopping() {
                break;
            }
        }
    }
}

/// Reads from `from` to the end as it stands when the reading begins.
pub async fn read_to_end(
    stage: &Stage,
    partition: u32,
    from: u64,
    last_reading: bool,
) -> Vec<(u64, String)> {
    let process = stage.new_process();
    let mut api = stage.connect().await;
    let mut read = Vec::new();
    let (mut next, mut end) = (from, None);
    while end.is_none_or(|end| next < end) {
        let Some(result) = poll(stage, &mut api, process, partition, next, last_reading).await
        else {
            api = stage.connect().await;
            continue;
        };
        end.get_or_insert(result.high_watermark as u64);
        next = result.next_offset as u64;
        read.extend(names(&result));
    }
    read
}

/// One fetch, written down; `None` where it failed in a way that a new connection may cure.
async fn poll(
    stage: &Stage,
    api: &mut Api,
    process: u32,
    partition: u32,
    from: u64,
    last_reading: bool,
) -> Option<FetchResult> {
    let action = |seen| Action::Poll {
        partition,
        from,
        last_reading,
        seen,
    };
    let open = stage.recorder.invoke(process, action(None));
    let place = FetchPartition {
        topic: stage.topic.clone(),
        partition: partition as i32,
        offset: from as i64,
        max_bytes: 0,
    };
    let asked = timeout(
        ANSWER_WAIT_MAX,
        api.fetch(place, Duration::from_millis(200)),
    );
    let Ok(answer) = asked.await else {
        stage.recorder.end(&open, Kind::Fail, action(None));
        return None;
    };
    let failed = match &answer {
        Ok(result) => result.error.clone(),
        Err(status) => Some(rpc::v1::Error::from_status(status)),
    };
    if let Some(error) = failed {
        let retry = Reason::of_name(&error.reason).map(Reason::retry);
        assert_ne!(
            retry,
            Some(rpc::Retry::Never),
            "partition {partition}, offset {from}: {error:?}"
        );
        stage.recorder.end(&open, Kind::Fail, action(None));
        stage.pause().await;
        return None;
    }
    let result = answer.ok()?;
    let seen = Seen {
        records: names(&result),
        log_start: result.log_start as u64,
        high_watermark: result.high_watermark as u64,
        confirmed: true,
    };
    stage.recorder.end(&open, Kind::Ok, action(Some(seen)));
    Some(result)
}

fn names(result: &FetchResult) -> Vec<(u64, String)> {
    let records = result.records.iter();
    records
        .map(|record| {
            let offset = record.offset.expect("a fetched record has an offset");
            (
                offset as u64,
                name_of(record.value.as_deref().expect("the record has a value")),
            )
        })
        .collect()
}

/// Asks for the ends of all partitions, over and over.
pub(super) async fn ask_for_ends(stage: Stage) {
    let process = stage.new_process();
    while !stage.is_stopping() {
        let mut api = stage.connect().await;
        let mut connected = true;
        while connected && !stage.is_stopping() {
            for partition in 0..PARTITIONS {
                connected &= ask(&stage, &mut api, process, partition, End::Latest).await;
                connected &= ask(&stage, &mut api, process, partition, End::Earliest).await;
            }
            stage.pause().await;
        }
    }
}

async fn ask(stage: &Stage, api: &mut Api, process: u32, partition: u32, end: End) -> bool {
    let action = |offset| Action::ListOffsets {
        partition,
        end,
        offset,
    };
    let open = stage.recorder.invoke(process, action(None));
    let position = match end {
        End::Earliest => Position::Earliest(Earliest {}),
        End::Latest => Position::Latest(Latest {}),
    };
    let query = OffsetQuery {
        topic: stage.topic.clone(),
        partition: partition as i32,
        position: Some(position),
    };
    let request = ListOffsetsRequest {
        queries: vec![query],
        isolation: 0,
    };
    let answer = timeout(ANSWER_WAIT_MAX, api.consumer.list_offsets(request)).await;
    let offset = answer
        .ok()
        .and_then(Result::ok)
        .and_then(|answer| answer.into_inner().results.first()?.offset);
    let kind = if offset.is_some() {
        Kind::Ok
    } else {
        Kind::Fail
    };
    stage
        .recorder
        .end(&open, kind, action(offset.map(|offset| offset as u64)));
    offset.is_some()
}

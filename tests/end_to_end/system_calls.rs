//! No acknowledgement of an fsync topic leaves before the sync that covers its records has ended: shown by a trace of
//! the broker's system calls.

mod answers;
mod trace;

use std::collections::HashMap;
use std::path::Path;

use rpc::v1::{ProduceBatch, ProduceStreamRequest};
use strandline_tests::harness::{Api, Broker, Plan, batch_of, command_exists, eventually, skip};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use answers::answers;
use trace::{Call, calls};

const TOPIC: &str = "traced";
const PARTITIONS: i32 = 2;
const BATCHES: i32 = 150;

/// Batches in flight.
const WINDOW: usize = 16;

/// In front of the number in each record.
const MARK: &[u8] = b"mark-";

/// The mark of the record that gets this offset.
fn mark(partition: i32, offset: i64) -> String {
    format!("{partition}:{offset:06}")
}

#[test]
fn no_acknowledgement_of_an_fsync_topic_leaves_before_its_sync_has_ended() {
    let Some(calls) = traced("fsync") else { return };
    let (acknowledged, unsynced) = count(&calls);
    assert_eq!(
        acknowledged,
        (PARTITIONS * BATCHES) as usize,
        "acknowledgements found in the trace"
    );
    assert_eq!(
        unsynced,
        Vec::<String>::new(),
        "acknowledged before they were synced"
    );
}

#[test]
fn the_trace_would_show_an_acknowledgement_that_leaves_too_early() {
    let Some(calls) = traced("page-cache") else {
        return;
    };
    let (acknowledged, unsynced) = count(&calls);
    assert_eq!(
        acknowledged,
        (PARTITIONS * BATCHES) as usize,
        "acknowledgements found in the trace"
    );
    assert!(
        !unsynced.is_empty(),
        "page-cache topics answer without waiting for a sync"
    );
}

/// Produces to a broker that is traced; its system calls. `None` where there is no strace.
fn traced(durability: &str) -> Option<Vec<Call>> {
    if !command_exists("strace") {
        skip(
            "the system-call trace",
            "there is no `strace`; install it by its package name",
        );
        return None;
    }
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("trace");
    let strace = "strace -D -f -yy -xx -s 4194304 -e signal=none \
                  -e trace=pwritev,pwritev2,pwrite64,fdatasync,fsync,writev,sendto,sendmsg -o";
    let under = strace
        .split(' ')
        .map(str::to_owned)
        .chain([file.to_str().unwrap().to_owned()])
        .collect();
    let mut broker = Broker::start_as(Plan {
        under,
        ..Plan::default()
    });
    let partitions = PARTITIONS.to_string();
    let durability = format!("durability={durability}");
    broker
        .strand(&[
            "topic",
            "create",
            TOPIC,
            "--partitions",
            &partitions,
            "--config",
            &durability,
        ])
        .ok();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut api = Api::connect(broker.grpc()).await.unwrap();
        let mut other = api.clone();
        tokio::join!(produce(&mut api, 0), produce(&mut other, 1));
    });
    broker.terminate();
    Some(calls(&whole(&file, broker.pid())))
}

/// The trace, once it says that the broker is gone.
fn whole(file: &Path, pid: u32) -> String {
    eventually("the end of the trace", || {
        let text = std::fs::read_to_string(file).ok()?;
        let gone = format!("{pid:<5} +++ exited");
        text.contains(&gone).then_some(text)
    })
}

/// One record a batch; the record knows the offset that it gets.
async fn produce(api: &mut Api, partition: i32) {
    let batch = |number: i32| -> ProduceBatch {
        let value = format!(
            "{}{}",
            String::from_utf8_lossy(MARK),
            mark(partition, number.into())
        );
        batch_of(TOPIC, partition, [value])
    };
    let (batches, stream) = tokio::sync::mpsc::channel(WINDOW);
    let mut answers = api
        .producer
        .produce_stream(ReceiverStream::new(stream))
        .await
        .unwrap()
        .into_inner();
    let send = async {
        for number in 0..BATCHES {
            let request = ProduceStreamRequest {
                batch: Some(batch(number)),
                acks: 0,
            };
            batches.send(request).await.unwrap();
        }
        drop(batches);
    };
    let receive = async {
        let mut expected = 0;
        while let Some(answer) = answers.next().await {
            for result in answer.unwrap().results {
                assert_eq!((result.error, result.base_offset), (None, expected));
                expected += 1;
            }
        }
        assert_eq!(expected, i64::from(BATCHES));
    };
    tokio::join!(send, receive);
}

/// How many records were acknowledged, and those whose file was not synced between their write and that.
fn count(calls: &[Call]) -> (usize, Vec<String>) {
    let mut written: HashMap<String, &Call> = HashMap::new();
    for call in calls.iter().filter(|call| call.is_write()) {
        for found in marks(&call.bytes) {
            written.entry(found).or_insert(call);
        }
    }
    let syncs: Vec<_> = calls
        .iter()
        .filter(|call| call.is_sync() && call.result == 0)
        .collect();
    let (mut acknowledged, mut unsynced) = (0, Vec::new());
    for answer in answers(calls) {
        for result in answer.results.iter().filter(|result| result.topic == TOPIC) {
            for offset in result.base_offset..result.base_offset + i64::from(result.records) {
                acknowledged += 1;
                let mark = mark(result.partition, offset);
                let write = written
                    .get(&mark)
                    .unwrap_or_else(|| panic!("{mark} was acknowledged, never written"));
                let covers = |sync: &&Call| {
                    sync.file == write.file && write.ended < sync.began && sync.ended < answer.left
                };
                if !syncs.iter().any(covers) {
                    unsynced.push(mark);
                }
            }
        }
    }
    (acknowledged, unsynced)
}

/// The marks in the bytes of a write.
fn marks(bytes: &[u8]) -> Vec<String> {
    let length = mark(0, 0).len();
    let starts = bytes
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK);
    starts
        .filter_map(|(at, _)| bytes.get(at + MARK.len()..at + MARK.len() + length))
        .map(|mark| String::from_utf8_lossy(mark).into_owned())
        .collect()
}

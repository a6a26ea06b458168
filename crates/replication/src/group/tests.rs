//! A group of one voter is a Raft group all the same.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use model::batch::{Batch, BatchBuilder, Codec};
use model::clock::SimulatedClock;
use model::{ReplicaId, Timestamp};
use parking_lot::Mutex;
use segment_log::disk::SimulatedDisk;
use segment_log::{LogDirectory, LogDirectorySettings, LogSettings};
use tokio::sync::{mpsc, oneshot};

use super::{Group, Opening, Stop, Surroundings};
use crate::answer::{AnswerSink, ProduceOutcome};
use crate::cores::Cores;
use crate::log_group::LogGroup;
use crate::members::GroupStart;
use crate::peer::{GroupId, NoPeers};
use crate::raft::config::config;
use crate::raft::machine::Partition;
use crate::raft::pace::Pace;
use crate::raft::proposal::Proposal;
use crate::raft::responder::{Proposer, WriteOutcome};
use crate::raft::votes::Votes;
use crate::settings::ReplicationSettings;

struct Sink(Mutex<mpsc::UnboundedSender<ProduceOutcome>>);

impl AnswerSink for Sink {
    fn answer(&self, _tag: u64, outcome: ProduceOutcome) {
        self.0.lock().send(outcome).unwrap();
    }
}

fn records() -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    for _ in 0..100 {
        builder.push(Timestamp::from_millis(1), None, Some(b"value"), &[]);
    }
    builder.build().unwrap()
}

async fn open(cores: &Cores) -> (Arc<LogDirectory>, Arc<Group<Partition>>) {
    let disk = SimulatedDisk::new(1).mount();
    let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1)));
    let limits = LogDirectorySettings::default();
    let directory = LogDirectory::open(disk.clone(), clock.clone(), limits).unwrap();
    let settings = ReplicationSettings::new(ReplicaId::new(0));
    let around = Surroundings {
        directory: directory.clone(),
        clock,
        votes: Arc::new(Votes::open(disk).unwrap()),
        config: config(&settings).unwrap(),
        pace: Arc::new(Pace::new(1 << 30)),
        settings,
        peers: Arc::new(NoPeers),
    };
    let opening = Opening {
        id: GroupId::METADATA,
        path: Path::new("partitions/t/0").to_owned(),
        key: b"p".to_vec(),
        settings: LogSettings::default(),
        start: GroupStart::alone(ReplicaId::new(0)),
    };
    let home = cores.handle(0).clone();
    let group = Group::open(around, home, opening, Partition::default());
    (directory, group.await.unwrap())
}

#[tokio::test]
async fn every_produced_batch_passes_through_openraft_as_one_entry() {
    let cores = Arc::new(Cores::start(NonZeroUsize::MIN).unwrap());
    let (_directory, group) = open(&cores).await;
    assert!(group.serving().await.serves);
    let applied_here = || group.shared.applied.read().position.last;
    // What openraft itself says.
    let mut applied = group.instances.current().watch_apply_progress();
    let before = applied.wait_until_ge(&applied_here()).await.unwrap();
    let before = before.unwrap().index;
    let (sender, mut answers) = mpsc::unbounded_channel();
    let sink: Arc<dyn AnswerSink> = Arc::new(Sink(Mutex::new(sender)));
    let partition = LogGroup::new(group.clone());
    for n in 0..20 {
        partition.propose(records(), &sink, n).await.unwrap();
    }
    for n in 0..20 {
        match answers.recv().await.unwrap() {
            ProduceOutcome::Appended { base_offset, .. } => assert_eq!(base_offset.get(), 100 * n),
            other => panic!("{other:?}"),
        }
    }
    let after = applied.wait_until_ge(&applied_here()).await.unwrap();
    assert_eq!(after.unwrap().index, before + 20);
    group.stop().await;
    drop((group, partition));
    tokio::task::spawn_blocking(move || cores.shutdown())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_to_be_proposed_in_an_earlier_term_is_refused_and_not_written() {
    let cores = Arc::new(Cores::start(NonZeroUsize::MIN).unwrap());
    let (_directory, group) = open(&cores).await;
    assert!(group.serving().await.serves);
    let term = group.serving_term().unwrap();
    for (expected, is_written) in [(term - 1, false), (term, true), (term + 1, false)] {
        let before = group.shared.log.ends().end_index;
        let batch = records();
        let space = group.shared.log.reserve(batch.total_bytes() as u64);
        let (answer, answered) = oneshot::channel();
        let proposer = Proposer::Caller {
            answer,
            bytes: None,
        };
        let proposal = Proposal::Batch {
            batch,
            expected: None,
            space: space.unwrap(),
        };
        group.write(expected, proposal, proposer).await;
        let outcome = answered.await.unwrap();
        let written = group.shared.log.ends().end_index.since(before);
        assert_eq!(written, u64::from(is_written), "{expected}: {outcome:?}");
        match outcome {
            WriteOutcome::Applied(_) => assert!(is_written, "{expected}"),
            other => assert!(matches!(other, WriteOutcome::NotLeader(_)), "{other:?}"),
        }
    }
    group.stop().await;
    drop(group);
    tokio::task::spawn_blocking(move || cores.shutdown())
        .await
        .unwrap();
}

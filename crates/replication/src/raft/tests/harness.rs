//! One group's store and state machine, without Raft.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use model::batch::{Batch, BatchBuilder, Codec};
use model::clock::SimulatedClock;
use model::{Durability, LogIndex, Timestamp};
use openraft::storage::{IOFlushed, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use segment_log::disk::{Disk, SimulatedDisk};
use segment_log::{LogDirectory, LogDirectorySettings, LogSettings};
use tokio::sync::oneshot;

use super::super::apply::Applied;
use super::super::entry;
use super::super::log_store::LogStore;
use super::super::machine::Partition;
use super::super::pace::Pace;
use super::super::proposal::Proposal;
use super::super::recover::recover;
use super::super::shared::{GroupVotes, Shared};
use super::super::state_machine::StateMachine;
use super::super::types::{Committed, Entry, Membership, Payload, RaftLogId, Types};
use super::super::votes::Votes;
use crate::group::Newcomer;

/// A group's parts. `directory` keeps the sync threads alive.
pub(crate) struct Store {
    pub(crate) directory: Arc<LogDirectory>,
    pub(crate) shared: Arc<Shared<Partition>>,
    pub(crate) log: LogStore<Partition>,
    pub(crate) machine: StateMachine<Partition>,
}

/// With no sync thread nothing is synced but by who demands it.
pub(crate) fn open(disk: Arc<dyn Disk>, sync_threads: usize, settings: LogSettings) -> Store {
    let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1)));
    let limits = LogDirectorySettings {
        sync_threads,
        ..LogDirectorySettings::default()
    };
    let directory = LogDirectory::open(disk.clone(), clock.clone(), limits).unwrap();
    let votes = GroupVotes {
        votes: Arc::new(Votes::open(disk.clone()).unwrap()),
        key: Arc::from(&b"p"[..]),
    };
    let log = directory
        .open_log(Path::new("partitions/t/0"), settings)
        .unwrap();
    let (applied, snapshot): (Applied<Partition>, _) = recover(&log, Partition::default()).unwrap();
    let pace = Arc::new(Pace::new(1 << 30));
    let newcomer = Newcomer::open(disk, log.path(), false).unwrap();
    let shared = Shared::new(log, votes, clock, applied, snapshot, pace, newcomer);
    let shared = Arc::new(shared.unwrap());
    Store {
        directory,
        log: LogStore::new(shared.clone()),
        machine: StateMachine::new(shared.clone()),
        shared,
    }
}

pub(crate) fn simulated(disk: &SimulatedDisk, durability: Durability) -> Store {
    let settings = LogSettings {
        segment_bytes: 600,
        durability,
        ..LogSettings::default()
    };
    open(disk.mount(), 0, settings)
}

pub(crate) fn id(term: u64, index: u64) -> RaftLogId {
    openraft::LogId {
        leader_id: Committed::new(term),
        index,
    }
}

fn records(text: &str) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::from_millis(1), None, Some(text.as_bytes()), &[]);
    builder.build().unwrap()
}

impl Store {
    /// Appends a batch of one record for each index, as a leader does; the receiver is told of their durability.
    pub(crate) async fn append(
        &mut self,
        term: u64,
        indices: std::ops::Range<u64>,
    ) -> oneshot::Receiver<std::io::Result<()>> {
        let entries: Vec<Entry> = indices
            .map(|index| {
                let batch = records(&format!("entry {index}"));
                let space = self.shared.log.reserve(batch.total_bytes() as u64).unwrap();
                openraft::Entry {
                    log_id: id(term, index),
                    payload: Payload::Normal(Proposal::Batch {
                        batch,
                        expected: None,
                        space,
                    }),
                }
            })
            .collect();
        let (callback, told) = signal();
        self.log.append(entries, callback).await.unwrap();
        told
    }

    /// Appends a change of members.
    pub(crate) async fn append_members(&mut self, term: u64, index: u64) {
        let node = (0, openraft::EmptyNode {});
        let members = Membership::new(vec![BTreeSet::from([0])], BTreeMap::from([node]));
        let entry = openraft::Entry {
            log_id: id(term, index),
            payload: Payload::Membership(members.unwrap()),
        };
        let (callback, _told) = signal();
        self.log.append([entry], callback).await.unwrap();
    }

    /// Applies what the log holds from where it stands.
    pub(crate) async fn apply_all(&mut self) {
        let (applied, _) = self.machine.applied_state().await.unwrap();
        let mut next = LogIndex::new(applied.map_or(0, |last| last.index + 1));
        loop {
            let end = self.shared.log.ends().end_index;
            let headers = self.shared.log.read_headers(next..end, 100).unwrap();
            let Some(last) = headers.last() else { return };
            next = last.index.next();
            let entries = headers
                .into_iter()
                .map(|header| Ok((entry::from_header(header)?, None)));
            let entries = futures_util::stream::iter(entries);
            self.machine.apply(entries).await.unwrap();
        }
    }

    /// What the keeper does with the checkpoints that applying left to it.
    pub(crate) fn store_checkpoints(&self) -> usize {
        let waiting = std::mem::take(&mut *self.shared.checkpoints.lock());
        for (base, state) in &waiting {
            self.shared.store_checkpoint(*base, state);
        }
        waiting.len()
    }
}

/// A callback, and who hears of it.
fn signal() -> (IOFlushed<Types>, oneshot::Receiver<std::io::Result<()>>) {
    let (sender, receiver) = Types::oneshot();
    (IOFlushed::signal(sender), receiver)
}

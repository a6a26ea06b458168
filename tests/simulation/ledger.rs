//! A state group beside the partition: a ledger of numbered entries, on every node, open as long as its process lives.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use model::ReplicaId;
use replication::{GroupStart, Members, OpenGroupError, OtherReplicas, Replication};
use replication::{StateGroup, StateMachine};
use tokio::time::sleep;

/// The group's number and name.
const ID: u16 = 1;
const NAME: &str = "ledger";

/// How soon it is opened again where that may pass.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The entries in the order in which they were applied.
#[derive(Default)]
pub(crate) struct Ledger(pub(crate) Vec<u64>);

impl StateMachine for Ledger {
    /// Adds the entry that the first eight bytes number, and answers at which place it stands.
    fn apply(&mut self, command: &[u8]) -> Bytes {
        let number = command.first_chunk().map_or(0, |n| u64::from_be_bytes(*n));
        self.0.push(number);
        let place = self.0.len() as u64 - 1;
        Bytes::copy_from_slice(&place.to_be_bytes())
    }

    fn snapshot(&self) -> Bytes {
        self.0.iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        let (numbers, rest) = snapshot.as_chunks();
        if !rest.is_empty() {
            return Err(format!("{} bytes too many", rest.len()));
        }
        self.0 = numbers.iter().map(|n| u64::from_be_bytes(*n)).collect();
        Ok(())
    }
}

/// A node's replica of the ledger.
#[derive(Clone)]
pub(crate) enum Replica {
    Opening,
    Up(StateGroup<Ledger>),
    Repairing,
    /// It cannot be opened, and never will be.
    Refused(String),
}

/// Who founds the ledger, and who holds it.
#[derive(Clone)]
pub(crate) struct Holders {
    founders: Arc<[ReplicaId]>,
    /// By node. The first ones vote, as many as have founded it.
    now: Arc<Mutex<Vec<ReplicaId>>>,
}

impl Holders {
    pub(crate) fn of(founders: usize, nodes: usize) -> Self {
        let all: Vec<_> = (0..nodes as u64).map(ReplicaId::new).collect();
        Self {
            founders: all[..founders].into(),
            now: Arc::new(Mutex::new(all)),
        }
    }

    /// A new disk takes the place of one.
    pub(crate) fn replace(&self, old: ReplicaId, new: ReplicaId) {
        let mut now = self.now.lock().unwrap();
        now.iter_mut().filter(|r| **r == old).for_each(|r| *r = new);
    }

    pub(crate) fn members(&self) -> Members {
        let now = self.now.lock().unwrap();
        let (voters, learners) = now.split_at(self.founders.len());
        Members {
            voters: voters.iter().copied().collect(),
            learners: learners.iter().copied().collect(),
        }
    }

    fn start_of(&self, replica: ReplicaId) -> GroupStart {
        match self.founders.contains(&replica) {
            true => GroupStart::Found(self.founders.to_vec()),
            false => GroupStart::Join,
        }
    }

    fn others_than(&self, replica: ReplicaId) -> OtherReplicas {
        let now = self.now.clone();
        Arc::new(move || {
            let now = now.lock().unwrap();
            now.iter().copied().filter(|r| *r != replica).collect()
        })
    }

    /// Opens a node's replica, repaired where that is needed. Within its process.
    pub(crate) async fn open(
        self,
        replica: ReplicaId,
        replication: Arc<Replication>,
        state: Arc<Mutex<Replica>>,
    ) {
        loop {
            let start = self.start_of(replica);
            let opened = replication.open_state_group(ID, NAME, Ledger::default(), start);
            let error = match opened.await {
                Ok(group) => {
                    *state.lock().unwrap() = Replica::Up(group);
                    return;
                }
                Err(error) => error,
            };
            match error {
                OpenGroupError::Repairing { .. } => {}
                damage if damage.is_damage() => {
                    *state.lock().unwrap() = Replica::Repairing;
                    let suspects = damage.suspect().map(Path::to_owned).into_iter().collect();
                    let others = self.others_than(replica);
                    replication
                        .repair_state_group(ID, NAME, others, suspects)
                        .await;
                }
                other if may_pass(&other) => {}
                other => {
                    *state.lock().unwrap() = Replica::Refused(other.to_string());
                    return;
                }
            }
            sleep(RETRY_AFTER).await;
        }
    }
}

fn may_pass(error: &OpenGroupError) -> bool {
    let text = error.to_string();
    error.passes() || text.contains("os error") || text.contains("storage")
}

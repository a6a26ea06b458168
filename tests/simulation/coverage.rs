//! Which kind of fault was seen to hit which kind of step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use replication::peer::RequestKind;
use serde::{Deserialize, Serialize};

use crate::cluster::State;
use crate::ledger_truth::LedgerTruth;
use crate::node::{Boot, Node};

/// What is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Fault {
    Kill,
    PowerCut,
    PowerCutOfAll,
    CrashWhileWriting,
    Partition,
    OneWayPartition,
    Isolation,
    Reset,
    BadWeather,
    Pause,
    ClockJump,
    FailingSync,
    FailingReads,
    FullDisk,
    SlowDisk,
    /// A bit turns.
    Damage,
    MisdirectedWrite,
    ReplacedDisk,
    Reassignment,
    Transfer,
    Trim,
}

impl Fault {
    pub(crate) const ALL: [Self; 21] = [
        Self::Kill,
        Self::PowerCut,
        Self::PowerCutOfAll,
        Self::CrashWhileWriting,
        Self::Partition,
        Self::OneWayPartition,
        Self::Isolation,
        Self::Reset,
        Self::BadWeather,
        Self::Pause,
        Self::ClockJump,
        Self::FailingSync,
        Self::FailingReads,
        Self::FullDisk,
        Self::SlowDisk,
        Self::Damage,
        Self::MisdirectedWrite,
        Self::ReplacedDisk,
        Self::Reassignment,
        Self::Transfer,
        Self::Trim,
    ];
}

/// What the cluster was about when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Entries wait for their quorum.
    AppendPending,
    /// Nobody serves.
    Election,
    /// A snapshot is on its way.
    SnapshotInstall,
    MembershipChange,
    Transfer,
    Trim,
    /// A replica is being opened.
    Recovery,
    /// A replica's log is being repaired.
    Repair,
    /// A replica has just taken entries back.
    Truncation,
    /// A replica that may have forgotten what it acknowledged is given it back.
    Readmission,
    /// Proposals to the state group wait for their answer.
    Proposal,
    /// Nobody serves the state group.
    StateElection,
}

impl Step {
    pub(crate) const ALL: [Self; 12] = [
        Self::AppendPending,
        Self::Election,
        Self::SnapshotInstall,
        Self::MembershipChange,
        Self::Transfer,
        Self::Trim,
        Self::Recovery,
        Self::Repair,
        Self::Truncation,
        Self::Readmission,
        Self::Proposal,
        Self::StateElection,
    ];
}

/// How often each fault met each step.
pub(crate) type Counts = BTreeMap<(Fault, Step), u64>;

/// What the operator is about.
#[derive(Clone, Default)]
pub(crate) struct Activity(Arc<Mutex<BTreeMap<Step, u64>>>, Arc<Mutex<LedgerTruth>>);

/// An action that goes on.
pub(crate) struct GoingOn(Activity, Step);

impl Activity {
    pub(crate) fn of(ledger: Arc<Mutex<LedgerTruth>>) -> Self {
        Self(Arc::default(), ledger)
    }

    pub(crate) fn begin(&self, step: Step) -> GoingOn {
        *self.0.lock().unwrap().entry(step).or_default() += 1;
        GoingOn(self.clone(), step)
    }

    fn is_on(&self, step: Step) -> bool {
        self.0
            .lock()
            .unwrap()
            .get(&step)
            .is_some_and(|count| *count > 0)
    }

    /// What goes on now.
    pub(crate) fn steps(&self, state: &State) -> Vec<Step> {
        let now = |step: &Step| self.is_met(*step, state);
        Step::ALL.into_iter().filter(now).collect()
    }

    /// Where a step goes on now that is one node's own.
    pub(crate) fn node_of(step: Step, state: &State) -> Option<usize> {
        let mut nodes = state.nodes.iter();
        match step {
            Step::Recovery => nodes.position(|node| matches!(node.boot(), Some(Boot::Opening))),
            Step::Repair => nodes.position(|node| matches!(node.boot(), Some(Boot::Repairing))),
            Step::Truncation => nodes.position(Node::was_cut_lately),
            Step::Readmission => nodes.position(Node::is_in_doubt),
            _ => None,
        }
    }

    /// Whether this goes on now.
    pub(crate) fn is_met(&self, step: Step, state: &State) -> bool {
        let serving = || state.up().filter(|found| found.status.serves);
        match step {
            Step::AppendPending => serving().any(|f| f.status.log_end > f.status.high_watermark),
            Step::Election => serving().next().is_none(),
            Step::SnapshotInstall => state.world.network.in_flight(RequestKind::Snapshot) > 0,
            Step::MembershipChange => state.plan.is_moving(),
            Step::Transfer | Step::Trim => self.is_on(step),
            Step::Proposal => self.1.lock().unwrap().is_pending(),
            Step::StateElection => !state.is_ledger_served(),
            Step::Recovery | Step::Repair | Step::Truncation | Step::Readmission => {
                Self::node_of(step, state).is_some()
            }
        }
    }
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap().entry(self.1).or_default() -= 1;
    }
}

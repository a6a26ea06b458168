//! The cluster as its operator sees it: nodes, and which replicas the group is to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use model::{LogIndex, ReplicaId};
use replication::process::SimulatedProcess;
use replication::{GroupStart, GroupStatus, LogGroup, Members, OtherReplicas};
use strandline_tests::chance::Chance;

use crate::damage::Harm;
use crate::ledger::Replica;
use crate::node::{Boot, Damage, Failed, Node, World};
use crate::trace::note;

/// All nodes, and what the metadata says of the group. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) nodes: Vec<Node>,
    pub(crate) plan: Assignment,
    /// What was done to replicas' files and is not repaired yet.
    pub(crate) damaged: BTreeMap<ReplicaId, Vec<Harm>>,
    /// Replicas that could not read something.
    pub(crate) unreadable: BTreeSet<ReplicaId>,
    /// By term, the highest high watermark that was shown in it.
    pub(crate) shown: BTreeMap<u64, u64>,
    /// Replicas whose power was cut, and that may have forgotten what they acknowledged.
    pub(crate) forgetful: BTreeSet<ReplicaId>,
    /// What nobody asked for.
    pub(crate) violations: Vec<String>,
    /// Every replica that holds the group, for repairs and readmissions under way.
    holders: Arc<Mutex<BTreeSet<ReplicaId>>>,
    next_replica: u64,
}

/// The group's row in the metadata.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) epoch: u64,
    /// The group's first members: they found it, unless a move was completed.
    pub(crate) founders: Vec<ReplicaId>,
    has_moved: bool,
    pub(crate) wanted: Members,
    /// Members before, until the move is done.
    pub(crate) leaving: BTreeSet<ReplicaId>,
    /// One of those has lost its disk, and what it held is on fewer disks until the move is done.
    pub(crate) has_lost_a_disk: bool,
}

impl Assignment {
    fn start_of(&self, replica: ReplicaId) -> Option<GroupStart> {
        let has = self.wanted.voters.contains(&replica)
            || self.wanted.learners.contains(&replica)
            || self.leaving.contains(&replica);
        has.then(
            || match !self.has_moved && self.founders.contains(&replica) {
                true => GroupStart::Found(self.founders.clone()),
                false => GroupStart::Join,
            },
        )
    }

    /// Every replica that holds the group.
    fn holders(&self) -> BTreeSet<ReplicaId> {
        let wanted = self.wanted.voters.iter().chain(&self.wanted.learners);
        wanted.chain(&self.leaving).copied().collect()
    }

    /// Whether a change of members is under way.
    pub(crate) fn is_moving(&self) -> bool {
        !self.leaving.is_empty()
    }
}

/// A replica that a client found.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) replica: ReplicaId,
    /// Grows each time the group is opened or removed.
    pub(crate) incarnation: u64,
    pub(crate) process: SimulatedProcess,
    pub(crate) group: LogGroup,
    pub(crate) status: GroupStatus,
}

impl Cluster {
    pub(crate) fn new(world: World, founders: usize, nodes: Vec<Node>) -> Self {
        let founders: Vec<_> = (0..founders as u64).map(ReplicaId::new).collect();
        let plan = Assignment {
            epoch: 0,
            wanted: Members::of_voters(founders.iter().copied()),
            founders,
            has_moved: false,
            leaving: BTreeSet::new(),
            has_lost_a_disk: false,
        };
        Self(Arc::new(Mutex::new(State {
            world,
            holders: Arc::new(Mutex::new(plan.holders())),
            next_replica: nodes.len() as u64,
            nodes,
            plan,
            damaged: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            shown: BTreeMap::new(),
            forgetful: BTreeSet::new(),
            violations: Vec::new(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A replica that says it serves, or else any that is up.
    pub(crate) fn find_leader(&self, chance: &mut Chance) -> Option<Found> {
        let mut state = self.lock();
        let up: Vec<_> = state.up().collect();
        state.watermarks_only_grow(&up);
        let serving: Vec<_> = up.iter().filter(|found| found.status.serves).collect();
        if !serving.is_empty() && chance.below(16) > 0 {
            return Some(serving[chance.below(serving.len() as u64) as usize].clone());
        }
        (!up.is_empty()).then(|| up[chance.below(up.len() as u64) as usize].clone())
    }

    pub(crate) fn violation(&self, what: String) {
        let mut state = self.lock();
        note!(state.world.trace, "VIOLATION {what}");
        state.violations.push(what);
    }
}

impl State {
    /// The replicas whose group is open.
    pub(crate) fn up(&self) -> impl Iterator<Item = Found> + '_ {
        self.nodes.iter().filter_map(|node| {
            let group = node.group()?;
            Some(Found {
                replica: node.replica,
                incarnation: node.incarnation,
                process: node.running.as_ref()?.process.clone(),
                status: group.status(),
                group,
            })
        })
    }

    pub(crate) fn start(&mut self, at: usize) {
        let start = self.plan.start_of(self.nodes[at].replica);
        self.nodes[at].start(start);
    }

    /// What a supervisor and the metadata's followers do: restarts what has stopped, opens, removes and repairs groups.
    pub(crate) fn look_after(&mut self) {
        *self.holders.lock().unwrap() = self.plan.holders();
        for at in 0..self.nodes.len() {
            let start = self.plan.start_of(self.nodes[at].replica);
            let node = &mut self.nodes[at];
            node.look();
            if node.is_paused() {
                continue;
            }
            if self.look_after_ledger(at) {
                continue;
            }
            let node = &mut self.nodes[at];
            match (node.boot(), start) {
                (Some(Boot::Empty(..)), start @ Some(_)) => node.reconcile(start),
                (Some(Boot::Empty(..)), None) => self.forget_healed(at),
                (Some(Boot::Up(..)), None) => node.reconcile(None),
                (Some(Boot::Damaged(..) | Boot::Repairing), None) => self.restart(at),
                (Some(Boot::InDoubt(..) | Boot::Readmitting), None) => self.restart(at),
                (Some(Boot::InDoubt(..)), Some(start)) => {
                    let others = self.others_than(self.nodes[at].replica);
                    self.nodes[at].readmit(start, others);
                }
                (Some(Boot::Damaged(_, _, damage)), Some(start)) => {
                    self.repair_damaged(at, damage, start)
                }
                (Some(Boot::Up(_, _, group)), Some(start)) => {
                    let met = group.log().damaged_files();
                    if !met.is_empty() {
                        self.repair(at, start, met);
                    } else if let Some(reason) = group.status().stopped {
                        let replica = node.replica;
                        note!(self.world.trace, "{replica} has stopped: {reason}");
                        self.restart(at);
                    } else {
                        self.forget_healed(at);
                    }
                }
                (Some(Boot::Failed(failed)), _) => self.failed(at, failed),
                _ => {}
            }
        }
    }

    /// Whether the node was stopped for its ledger's sake.
    fn look_after_ledger(&mut self, at: usize) -> bool {
        match self.nodes[at].ledger_state() {
            Some(Replica::Refused(reason)) => {
                self.refuses(at, format!("the ledger: {reason}"));
                true
            }
            Some(Replica::Up(group)) => {
                let Some(reason) = group.status().stopped else {
                    return false;
                };
                let replica = self.nodes[at].replica;
                note!(
                    self.world.trace,
                    "the ledger of {replica} has stopped: {reason}"
                );
                self.restart(at);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn restart(&mut self, at: usize) {
        self.nodes[at].kill(false);
        self.start(at);
    }

    /// Whether something was done to what a replica has stored.
    pub(crate) fn may_be_bad(&self, replica: ReplicaId) -> bool {
        self.damaged.contains_key(&replica) || self.unreadable.contains(&replica)
    }

    fn repair_damaged(&mut self, at: usize, damage: Damage, start: GroupStart) {
        let replica = self.nodes[at].replica;
        if !self.may_be_bad(replica) && !damage.is_unreadable {
            self.refuses(at, damage.reason);
        } else {
            self.repair(at, start, damage.suspects);
        }
    }

    fn repair(&mut self, at: usize, start: GroupStart, suspects: Vec<std::path::PathBuf>) {
        let others = self.others_than(self.nodes[at].replica);
        self.nodes[at].repair(start, others, suspects);
    }

    /// Who else holds the group, whenever that is asked.
    fn others_than(&self, replica: ReplicaId) -> OtherReplicas {
        let holders = self.holders.clone();
        Arc::new(move || {
            let holders = holders.lock().unwrap();
            holders.iter().copied().filter(|h| *h != replica).collect()
        })
    }

    /// The process of a node dies; with `power_cut` the machine does.
    pub(crate) fn kill(&mut self, at: usize, power_cut: bool) {
        if power_cut && self.world.is_page_cache() {
            self.forgetful.insert(self.nodes[at].replica);
        }
        self.nodes[at].kill(power_cut);
    }

    /// Whether the power of a node may be cut: what is not synced is safe as long as most of the replicas remember it.
    pub(crate) fn may_lose_power(&mut self, at: usize) -> bool {
        if !self.world.is_page_cache() {
            return true;
        }
        let replica = self.nodes[at].replica;
        let others_remember =
            self.all_remember() || self.forgetful.iter().all(|other| *other == replica);
        others_remember && !self.plan.is_moving() && self.plan.wanted.voters.len() > 2
    }

    /// Whether every replica has what it has acknowledged.
    pub(crate) fn all_remember(&mut self) -> bool {
        let nodes = &self.nodes;
        self.forgetful.retain(|replica| {
            let node = nodes.iter().find(|node| node.replica == *replica);
            node.is_some_and(|node| !matches!(node.boot(), Some(Boot::Up(..) | Boot::Empty(..))))
        });
        self.forgetful.is_empty()
    }

    /// Looks through the sealed segments of all that are damaged, as each broker's scrub does now and then.
    pub(crate) fn scrub(&mut self) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let start = self.plan.start_of(node.replica);
            let (Some(group), Some(start)) = (node.group(), start) else {
                continue;
            };
            if node.is_paused() || !self.damaged.contains_key(&node.replica) {
                continue;
            }
            // A disk that refuses is looked through later.
            let found = group.log().verify(LogIndex::ZERO..LogIndex::new(u64::MAX));
            let files: Vec<_> = found
                .into_iter()
                .flatten()
                .map(|damage| damage.file)
                .collect();
            if !files.is_empty() {
                self.repair(at, start, files);
            }
        }
    }

    fn forget_healed(&mut self, at: usize) {
        let (replica, disk) = (self.nodes[at].replica, &self.nodes[at].disk);
        if let Some(harms) = self.damaged.get_mut(&replica) {
            harms.retain(|harm| !harm.is_healed(disk));
            if harms.is_empty() {
                note!(self.world.trace, "{replica} is whole again");
                self.damaged.remove(&replica);
            }
        }
    }

    fn failed(&mut self, at: usize, failed: Failed) {
        let replica = self.nodes[at].replica;
        match failed {
            Failed::Passing(_) => self.restart(at),
            // What lies beside the segments may be beyond repair; they never are.
            Failed::Final(_)
                if self.is_harmed_beside(replica) && !self.ledger_may_lose(replica) => {}
            Failed::Final(reason) if self.is_harmed_beside(replica) => {
                note!(self.world.trace, "{replica} does not open: {reason}");
                self.replace_disk(at);
            }
            Failed::Forgetful(reason) | Failed::Final(reason) => self.refuses(at, reason),
        }
    }

    fn is_harmed_beside(&self, replica: ReplicaId) -> bool {
        let mut harms = self.damaged.get(&replica).into_iter().flatten();
        harms.any(|harm| harm.entries.is_none())
    }

    fn refuses(&mut self, at: usize, reason: String) {
        let replica = self.nodes[at].replica;
        let what = format!("replica {replica} does not open: {reason}");
        note!(self.world.trace, "VIOLATION {what}");
        self.violations.push(what);
        self.nodes[at].kill(false);
        self.nodes[at].down_because = Some(reason);
    }

    /// Whoever serves knows all that was committed before its term.
    pub(crate) fn watermarks_only_grow(&mut self, up: &[Found]) {
        for found in up {
            let (term, watermark) = (found.status.term.get(), found.status.high_watermark.get());
            let before = self.shown.range(..term).map(|(_, shown)| *shown).max();
            if let Some(before) = before.filter(|before| found.status.serves && *before > watermark)
            {
                let what = format!(
                    "replica {} serves term {term} with high watermark {watermark}, {before} was shown before",
                    found.replica
                );
                note!(self.world.trace, "VIOLATION {what}");
                self.violations.push(what);
            }
            let shown = self.shown.entry(term).or_default();
            *shown = watermark.max(*shown);
        }
    }

    /// What is acknowledged is on the disks of most of the voters, unless they are being changed.
    pub(crate) fn acknowledged(&mut self, voters: &BTreeSet<ReplicaId>, end: u64) {
        if self.plan.is_moving() || voters.is_empty() || self.world.is_page_cache() {
            return;
        }
        let mut durable = 0;
        for node in &mut self.nodes {
            node.look();
            durable += usize::from(voters.contains(&node.replica) && node.durable >= end);
        }
        if durable * 2 <= voters.len() {
            let what = format!(
                "the records below {end} are acknowledged, and {durable} of {} voters have them on disk",
                voters.len()
            );
            note!(self.world.trace, "VIOLATION {what}");
            self.violations.push(what);
        }
    }

    /// Whether the cluster would get over the loss of one more disk.
    pub(crate) fn may_lose_a_disk(&self) -> bool {
        let ledger = |node: &Node| self.ledger_may_lose(node.replica);
        let all_up = self.nodes.iter().all(|node| match node.boot() {
            Some(Boot::Up(_, _, group)) => group.status().stopped.is_none(),
            Some(Boot::Empty(..)) => true,
            _ => false,
        });
        all_up
            && self.nodes.iter().all(ledger)
            && self.damaged.is_empty()
            && !self.plan.is_moving()
            && self.plan.wanted.voters.len() > 2
    }

    /// An empty disk in the place of one: a new replica, which takes the other's place in the group.
    pub(crate) fn replace_disk(&mut self, at: usize) {
        let old = self.nodes[at].replica;
        let new = ReplicaId::new(self.next_replica);
        self.next_replica += 1;
        self.damaged.remove(&old);
        if let Some(holders) = &self.world.ledger {
            holders.replace(old, new);
        }
        note!(self.world.trace, "replace disk of {old}, now {new}");
        self.nodes[at].kill(false);
        let delay = self.nodes[at].device_delay.clone();
        self.nodes[at] = Node::new(self.world.clone(), new, new.get() << 40, delay);
        let wanted = &mut self.plan.wanted;
        let had = wanted
            .voters
            .remove(&old)
            .then(|| wanted.voters.insert(new));
        let learned = wanted
            .learners
            .remove(&old)
            .then(|| wanted.learners.insert(new));
        if had.or(learned).is_some() || self.plan.leaving.contains(&old) {
            self.plan.epoch += 1;
            self.plan.leaving.insert(old);
            self.plan.has_lost_a_disk = true;
        }
        self.start(at);
    }

    /// The metadata decides on other members.
    pub(crate) fn reassign(&mut self, wanted: Members) {
        let before = &self.plan.wanted;
        let before = before.voters.union(&before.learners).copied();
        self.plan.leaving.extend(before);
        self.plan.epoch += 1;
        note!(self.world.trace, "reassign {wanted:?}");
        self.plan.wanted = wanted;
    }

    /// The leader has reported that the members are as wanted.
    pub(crate) fn move_completed(&mut self, epoch: u64) {
        if self.plan.epoch == epoch {
            note!(self.world.trace, "move completed, epoch {epoch}");
            self.plan.leaving.clear();
            self.plan.has_moved = true;
            self.plan.has_lost_a_disk = false;
        }
    }
}

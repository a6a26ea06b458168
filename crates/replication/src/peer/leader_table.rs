//! Who leads which group, as the leaders tell, and what brokers tell of themselves in numbers.
//!
//! Each broker tells only of the groups that it leads, or led last: changes as they happen, everything when a stream
//! begins. A higher term wins; in one term the word of the leader itself is the newest. What a broker told stays when
//! it is gone, marked with how long ago that was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use model::{BrokerId, ReplicaId};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::GroupId;

/// Who leads a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// Raft's term.
    pub term: u64,
    /// The leader; `None` where who led in this term leads no more.
    pub leader: Option<ReplicaId>,
    /// The voters that are not lagging.
    pub in_sync: Vec<ReplicaId>,
}

/// Who leads a group, and whose word that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldLeadership {
    /// Who leads.
    pub leadership: Leadership,
    /// Who told it.
    pub by: BrokerId,
    /// For how long that broker has been gone; `None` while it is here.
    pub gone_for: Option<Duration>,
}

/// A broker in numbers, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerNumbers {
    /// Bytes of its data directory in use.
    pub disk_bytes: u64,
    /// Its replicas.
    pub replicas: u64,
    /// Those of them that lead.
    pub leaders: u64,
    /// It hands its leaderships on.
    pub draining: bool,
}

/// Who leads, by all that is told.
pub struct LeaderTable {
    me: BrokerId,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    groups: HashMap<GroupId, Told>,
    /// What this broker tells.
    own: BTreeMap<GroupId, Leadership>,
    numbers: BTreeMap<BrokerId, BrokerNumbers>,
    /// Since when brokers are gone.
    gone: BTreeMap<BrokerId, Instant>,
    /// What each peer has yet to be told.
    untold: BTreeMap<BrokerId, Untold>,
}

#[derive(Clone, Debug)]
struct Told {
    leadership: Leadership,
    by: BrokerId,
    at: Instant,
}

/// What a peer has yet to be told.
#[derive(Default)]
struct Untold {
    begins: bool,
    groups: BTreeSet<GroupId>,
    numbers: bool,
}

/// What a peer is told next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Telling {
    /// It is the first part of everything.
    pub(super) begins: bool,
    pub(super) leaders: Vec<(GroupId, Leadership)>,
    pub(super) numbers: Option<BrokerNumbers>,
}

impl LeaderTable {
    /// An empty table of a broker.
    pub fn new(me: BrokerId) -> Self {
        Self {
            me,
            state: Mutex::default(),
            changed: watch::channel(0).0,
        }
    }

    /// This broker leads a group, or what it says of it has changed; or it leads no more (`leader: None`).
    pub fn publish(&self, group: GroupId, leadership: Leadership) {
        let mut state = self.state.lock();
        if state.own.get(&group) == Some(&leadership) {
            return;
        }
        // It never led: there is nothing to take back.
        if leadership.leader.is_none() && !state.own.contains_key(&group) {
            return;
        }
        state.own.insert(group, leadership.clone());
        for untold in state.untold.values_mut() {
            untold.groups.insert(group);
        }
        let changed = state.take(group, leadership, self.me);
        drop(state);
        self.tell(changed);
    }

    /// The group is no more, or its replica has left this broker.
    pub fn forget(&self, group: GroupId) {
        let mut state = self.state.lock();
        state.own.remove(&group);
        for untold in state.untold.values_mut() {
            untold.groups.remove(&group);
        }
        let was_own = state.groups.get(&group).is_some_and(|t| t.by == self.me);
        if was_own {
            state.groups.remove(&group);
        }
        drop(state);
        self.tell(was_own);
    }

    /// The topic of a group is deleted: whoever told of it, it is forgotten.
    pub fn forget_everywhere(&self, group: GroupId) {
        self.forget(group);
        let removed = self.state.lock().groups.remove(&group).is_some();
        self.tell(removed);
    }

    /// Forgets what was told at least `age` ago of groups that do not exist: the word of a broker that had not heard yet
    /// that a topic is deleted comes after [`LeaderTable::forget_everywhere`]. What is younger may be of a topic that this
    /// broker has not heard of yet.
    pub fn sweep(&self, age: Duration, exists: impl Fn(GroupId) -> bool) {
        let mut state = self.state.lock();
        let before = state.groups.len();
        state
            .groups
            .retain(|group, told| told.at.elapsed() < age || exists(*group));
        let has_changed = state.groups.len() < before;
        let State { groups, own, .. } = &mut *state;
        own.retain(|group, _| groups.contains_key(group));
        drop(state);
        self.tell(has_changed);
    }

    /// This broker in numbers.
    pub fn publish_numbers(&self, numbers: BrokerNumbers) {
        let mut state = self.state.lock();
        if state.numbers.insert(self.me, numbers) == Some(numbers) {
            return;
        }
        for untold in state.untold.values_mut() {
            untold.numbers = true;
        }
        drop(state);
        self.tell(true);
    }

    /// Who leads a group, by the newest word.
    pub fn leader_of(&self, group: GroupId) -> Option<ToldLeadership> {
        let state = self.state.lock();
        state.groups.get(&group).map(|told| state.show(told))
    }

    /// All that is told.
    pub fn leaders(&self) -> Vec<(GroupId, ToldLeadership)> {
        let state = self.state.lock();
        let all = state.groups.iter();
        all.map(|(group, told)| (*group, state.show(told)))
            .collect()
    }

    /// A broker in numbers, and for how long it has been gone.
    pub fn numbers_of(&self, broker: BrokerId) -> Option<(BrokerNumbers, Option<Duration>)> {
        let state = self.state.lock();
        let numbers = *state.numbers.get(&broker)?;
        Some((numbers, state.gone.get(&broker).map(Instant::elapsed)))
    }

    /// Counts the changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A stream to a peer begins: it is to be told everything.
    pub(super) fn begin(&self, peer: BrokerId) {
        let mut state = self.state.lock();
        let untold = Untold {
            begins: true,
            groups: state.own.keys().copied().collect(),
            numbers: state.numbers.contains_key(&self.me),
        };
        state.untold.insert(peer, untold);
    }

    /// The stream to a peer has ended.
    pub(super) fn end(&self, peer: BrokerId) {
        self.state.lock().untold.remove(&peer);
    }

    /// Takes the next part of what a peer is to be told.
    pub(super) fn next_for(&self, peer: BrokerId, groups_max: usize) -> Option<Telling> {
        let mut state = self.state.lock();
        let State {
            untold,
            own,
            numbers,
            ..
        } = &mut *state;
        let untold = untold.get_mut(&peer)?;
        if !untold.begins && untold.groups.is_empty() && !untold.numbers {
            return None;
        }
        let mut leaders = Vec::new();
        while leaders.len() < groups_max
            && let Some(group) = untold.groups.pop_first()
        {
            if let Some(leadership) = own.get(&group) {
                leaders.push((group, leadership.clone()));
            }
        }
        let tells_numbers = std::mem::take(&mut untold.numbers);
        Some(Telling {
            begins: std::mem::take(&mut untold.begins),
            leaders,
            numbers: numbers.get(&self.me).copied().filter(|_| tells_numbers),
        })
    }

    /// A peer tells of the groups that it leads.
    pub(super) fn hear(
        &self,
        from: BrokerId,
        begins: bool,
        leaders: impl IntoIterator<Item = (GroupId, Leadership)>,
    ) {
        let mut state = self.state.lock();
        let mut changed = begins;
        if begins {
            // It leads nothing that it does not say it leads.
            for told in state.groups.values_mut().filter(|told| told.by == from) {
                told.leadership.leader = None;
                told.leadership.in_sync.clear();
            }
        }
        for (group, leadership) in leaders {
            changed |= state.take(group, leadership, from);
        }
        drop(state);
        self.tell(changed);
    }

    /// A peer tells its numbers.
    pub(super) fn hear_numbers(&self, from: BrokerId, numbers: BrokerNumbers) {
        let old = self.state.lock().numbers.insert(from, numbers);
        self.tell(old != Some(numbers));
    }

    /// A peer is gone for good.
    pub(super) fn forget_broker(&self, peer: BrokerId) {
        let mut state = self.state.lock();
        state.numbers.remove(&peer);
        state.untold.remove(&peer);
        state.gone.remove(&peer);
        state.groups.retain(|_, told| told.by != peer);
        drop(state);
        self.tell(true);
    }

    /// A peer has come or is gone.
    pub(super) fn is_here(&self, peer: BrokerId, here: bool) {
        let mut state = self.state.lock();
        let changed = if here {
            state.gone.remove(&peer).is_some()
        } else {
            state.gone.insert(peer, Instant::now()).is_none()
        };
        drop(state);
        self.tell(changed);
    }

    fn tell(&self, changed: bool) {
        if changed {
            self.changed.send_modify(|count| *count += 1);
        }
    }
}

impl State {
    /// Takes it, unless it is older than what is known. Whether anything has changed.
    fn take(&mut self, group: GroupId, leadership: Leadership, by: BrokerId) -> bool {
        if let Some(known) = self.groups.get(&group) {
            let old = &known.leadership;
            let is_stale = leadership.term < old.term
                // Only who leads in a term speaks of it.
                || (leadership.term == old.term && known.by != by && leadership.leader.is_none());
            if is_stale || *old == leadership && known.by == by {
                return false;
            }
        }
        let at = Instant::now();
        self.groups.insert(group, Told { leadership, by, at });
        true
    }

    fn show(&self, told: &Told) -> ToldLeadership {
        ToldLeadership {
            leadership: told.leadership.clone(),
            by: told.by,
            gone_for: self.gone.get(&told.by).map(Instant::elapsed),
        }
    }
}

#[cfg(test)]
mod tests;

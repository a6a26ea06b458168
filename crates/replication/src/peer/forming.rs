//! How brokers become a cluster, as a pure state machine: events in, actions out. It knows neither network nor disk.
//!
//! Broker 0 alone draws a cluster id, once it has heard from all N that they are empty, and keeps it durably. It then
//! asks all N to promise themselves durably to that id, and, once all have, asks once more: a second full round of
//! answers, and it founds the cluster. Another broker that has promised becomes a member when it meets a member of
//! that cluster. A broker that has promised nothing and meets a member asks the cluster for a replica id.
//!
//! Why there can never be two: a cluster is founded by all N promises together, and a disk that has promised itself
//! gives that promise up for nothing but the membership of a cluster that exists.
//!
//! ```text
//! Empty ──(0: all N are empty │ k: asked by 0)──▶ Promised ──(0: all N promised, twice │ k: meets a member)──▶ Member
//!   └───────────────── meets a member of a cluster that exists, is given a replica id ──────────────────────────┘
//! ```

mod run;
mod waiting;

use std::collections::BTreeMap;

use model::{BrokerId, ClusterId, ReplicaId};

use super::{Membership, Promise, Standing};

pub use run::{FormError, Joining, announce, form};

/// The broker that founds.
const FOUNDER: BrokerId = BrokerId::new(0);

/// How often the founder asks everybody before it founds.
const ROUNDS: u64 = 2;

/// What a broker knows of itself when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Myself {
    /// Its number.
    pub broker: BrokerId,
    /// How many brokers form the cluster.
    pub initial_brokers: u32,
    /// What its disk remembers.
    pub standing: Standing,
    /// The id that a new cluster gets, should this broker found one.
    pub fresh: ClusterId,
    /// A number above those of all its earlier processes: its start counter. Answers to those are no answers to it.
    pub sitting: u64,
}

/// What another broker has said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Its standing, which is durable.
    pub standing: Standing,
    /// How many brokers form the cluster, by its settings.
    pub initial_brokers: u32,
    /// The newest round whose question it has answered with its standing.
    pub answered: Option<Round>,
}

/// One round of the founder's questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Round {
    /// Of which process of the founder.
    pub sitting: u64,
    /// Counted from 1.
    pub number: u64,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has passed: what was lost is sent again.
    Tick,
    /// A broker has said something of itself; the last word counts.
    Heard(BrokerId, PeerView),
    /// A broker asks for a promise.
    Asked {
        /// Who.
        from: BrokerId,
        /// What for.
        promise: Promise,
        /// The round.
        round: Round,
    },
    /// The answer to [`Action::AskReplica`].
    Given(Result<ReplicaId, String>),
}

/// What is to be done, in this order. Where keeping fails nothing more may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Keep this durably, before any later action.
    Keep(Standing),
    /// Ask a broker for a promise.
    Ask {
        /// Whom.
        to: BrokerId,
        /// What for.
        promise: Promise,
        /// The round.
        round: Round,
    },
    /// Answer a broker's question with the standing that is kept.
    Answer {
        /// Whom.
        to: BrokerId,
        /// The round it asked in.
        round: Round,
    },
    /// Tell everybody the standing that is kept.
    TellAll,
    /// Ask the cluster for a replica id, through this member. [`Event::Given`] is the answer.
    AskReplica {
        /// The member.
        through: BrokerId,
        /// The cluster it is a member of.
        cluster: ClusterId,
    },
    /// This broker is a member, durably. Nothing more is done.
    Done(Membership),
}

/// A broker on its way into a cluster.
#[derive(Clone, Debug)]
pub struct Forming {
    me: Myself,
    peers: BTreeMap<BrokerId, PeerView>,
    round: u64,
    /// The cluster that has been asked for a replica id, until it answers.
    asking: Option<ClusterId>,
    /// The member asked last.
    asked_last: Option<BrokerId>,
    refused: Option<String>,
    done: bool,
}

impl Forming {
    /// A broker that begins. The first event may be [`Event::Tick`].
    pub fn new(me: Myself) -> Self {
        Self {
            me,
            peers: BTreeMap::new(),
            round: 1,
            asking: None,
            asked_last: None,
            refused: None,
            done: false,
        }
    }

    /// What is kept.
    pub fn standing(&self) -> Standing {
        self.me.standing
    }

    /// Takes an event.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Tick => self.decide(true, &mut actions),
            Event::Heard(broker, view) => {
                if broker != self.me.broker {
                    self.peers.insert(broker, view);
                }
                self.decide(false, &mut actions);
            }
            Event::Asked {
                from,
                promise,
                round,
            } => self.asked(from, promise, round, &mut actions),
            Event::Given(answer) => self.given(answer, &mut actions),
        }
        actions
    }

    fn asked(&mut self, from: BrokerId, promise: Promise, round: Round, actions: &mut Vec<Action>) {
        let may_promise = from == FOUNDER
            && self.me.broker != FOUNDER
            && self.is_initial(self.me.broker)
            && promise.initial_brokers == self.me.initial_brokers
            && self.members().next().is_none();
        if may_promise && self.me.standing == Standing::Empty {
            self.keep(Standing::Promised(promise), actions);
        }
        // Whatever the standing is, it is the answer.
        actions.push(Action::Answer { to: from, round });
    }

    fn given(&mut self, answer: Result<ReplicaId, String>, actions: &mut Vec<Action>) {
        let Some(cluster) = self.asking.take() else {
            return;
        };
        match answer {
            Ok(replica) if !self.done => {
                let membership = Membership {
                    cluster,
                    replica,
                    initial_brokers: None,
                };
                self.become_member(membership, actions);
            }
            Ok(_) => {}
            Err(reason) => self.refused = Some(reason),
        }
    }

    fn decide(&mut self, tick: bool, actions: &mut Vec<Action>) {
        if self.done {
            return;
        }
        match self.me.standing {
            Standing::Member(membership) => {
                self.done = true;
                actions.push(Action::Done(membership));
            }
            Standing::Promised(promise) => self.decide_promised(promise, tick, actions),
            Standing::Empty => self.decide_empty(tick, actions),
        }
    }

    fn decide_empty(&mut self, tick: bool, actions: &mut Vec<Action>) {
        if self.members().next().is_some() {
            return self.ask_replica(tick, actions);
        }
        if self.me.broker != FOUNDER {
            return;
        }
        let initial_brokers = self.me.initial_brokers;
        let is_empty = |view: &PeerView| {
            view.standing == Standing::Empty && view.initial_brokers == initial_brokers
        };
        if self.others().all(|(_, view)| view.is_some_and(is_empty)) {
            let promise = Promise {
                cluster: self.me.fresh,
                initial_brokers,
            };
            self.keep(Standing::Promised(promise), actions);
            self.ask_promises(promise, true, actions);
        }
    }

    fn decide_promised(&mut self, promise: Promise, tick: bool, actions: &mut Vec<Action>) {
        let is_founder = self.me.broker == FOUNDER;
        let is_founded = self.members().any(|(_, c)| c == promise.cluster);
        if is_founded && !is_founder && self.is_initial(self.me.broker) {
            return self.become_member(first_membership(self.me.broker, promise), actions);
        }
        // A founder that is only promised while its cluster exists is an older copy of its disk: it asks too.
        if self.members().next().is_some() {
            return self.ask_replica(tick, actions);
        }
        if is_founder {
            self.ask_promises(promise, tick, actions);
        }
    }

    /// Asks who has not answered this round; goes on to the next, or founds, where all have.
    fn ask_promises(&mut self, promise: Promise, send: bool, actions: &mut Vec<Action>) {
        let mut send = send;
        loop {
            let round = self.current_round();
            let has_promised = |view: &PeerView| {
                view.standing == Standing::Promised(promise) && view.answered == Some(round)
            };
            let missing: Vec<_> = self
                .others()
                .filter(|(_, view)| !view.is_some_and(has_promised))
                .map(|(broker, _)| broker)
                .collect();
            if missing.is_empty() && self.round >= ROUNDS {
                return self.become_member(first_membership(self.me.broker, promise), actions);
            }
            if missing.is_empty() {
                self.round += 1;
                send = true;
                continue;
            }
            if send {
                let ask = |to| Action::Ask { to, promise, round };
                actions.extend(missing.into_iter().map(ask));
            }
            return;
        }
    }

    /// Asks a member for a replica id: the first one met at once, the others in turn as time passes.
    fn ask_replica(&mut self, tick: bool, actions: &mut Vec<Action>) {
        if self.asking.is_some() || (self.asked_last.is_some() && !tick) {
            return;
        }
        let after_last = self
            .members()
            .find(|(broker, _)| Some(*broker) > self.asked_last);
        let Some((through, cluster)) = after_last.or_else(|| self.members().next()) else {
            return;
        };
        self.asking = Some(cluster);
        self.asked_last = Some(through);
        actions.push(Action::AskReplica { through, cluster });
    }

    fn keep(&mut self, standing: Standing, actions: &mut Vec<Action>) {
        self.me.standing = standing;
        actions.push(Action::Keep(standing));
        actions.push(Action::TellAll);
    }

    fn become_member(&mut self, membership: Membership, actions: &mut Vec<Action>) {
        self.keep(Standing::Member(membership), actions);
        self.done = true;
        actions.push(Action::Done(membership));
    }

    fn current_round(&self) -> Round {
        Round {
            sitting: self.me.sitting,
            number: self.round,
        }
    }

    fn is_initial(&self, broker: BrokerId) -> bool {
        broker.get() < self.me.initial_brokers
    }

    /// The other initial brokers, with what they have said.
    fn others(&self) -> impl Iterator<Item = (BrokerId, Option<&PeerView>)> {
        let numbers = (0..self.me.initial_brokers).map(BrokerId::new);
        numbers
            .filter(|broker| *broker != self.me.broker)
            .map(|broker| (broker, self.peers.get(&broker)))
    }

    /// Those that are members of a cluster.
    fn members(&self) -> impl Iterator<Item = (BrokerId, ClusterId)> {
        let member = |(broker, view): (&BrokerId, &PeerView)| {
            view.standing
                .member()
                .map(|member| (*broker, member.cluster))
        };
        self.peers.iter().filter_map(member)
    }
}

/// Of an initial broker: its first disk bears its number.
fn first_membership(broker: BrokerId, promise: Promise) -> Membership {
    Membership {
        cluster: promise.cluster,
        replica: ReplicaId::new(broker.get().into()),
        initial_brokers: Some(promise.initial_brokers),
    }
}

#[cfg(test)]
mod tests;

//! What each peer has said of itself, by whichever stream, and whether there is a stream to it.

use std::collections::{BTreeMap, VecDeque};

use model::BrokerId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::forming::{Event, PeerView, Round};
use super::{Hello, Promise};

/// A peer, as this broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPeer {
    /// What it said last.
    pub hello: Hello,
    /// Whether requests can be sent to it.
    pub connected: bool,
}

/// What is known of all peers.
#[derive(Default)]
pub(super) struct Roster {
    state: Mutex<State>,
    /// Something has happened that forming waits for.
    news: Notify,
}

#[derive(Default)]
struct State {
    peers: BTreeMap<BrokerId, Peer>,
    /// Who has something new, and is not in [`State::told`] yet. Each at most once.
    changed: VecDeque<BrokerId>,
}

struct Peer {
    hello: Hello,
    connected: bool,
    answered: Option<Round>,
    asked: Option<(Promise, Round)>,
    is_news: bool,
}

impl Roster {
    /// A peer has introduced itself. Whether it is another process, or says something else, than before.
    pub(super) fn heard(&self, hello: Hello) -> bool {
        let mut state = self.state.lock();
        let broker = hello.broker;
        let changed = match state.peers.get_mut(&broker) {
            Some(peer) => {
                let is_same = peer.hello == hello;
                peer.says(hello);
                !is_same
            }
            None => {
                let peer = Peer {
                    hello,
                    connected: false,
                    answered: None,
                    asked: None,
                    is_news: false,
                };
                state.peers.insert(broker, peer);
                true
            }
        };
        self.is_news(&mut state, broker);
        changed
    }

    /// The peer tells its standing, perhaps as an answer. Another one may have come under its number since it introduced
    /// itself: who spoke last is the peer.
    pub(super) fn told(&self, hello: &Hello, round: Option<Round>) {
        let mut state = self.state.lock();
        if let Some(peer) = state.peers.get_mut(&hello.broker) {
            peer.says(hello.clone());
            peer.answered = round.or(peer.answered);
            self.is_news(&mut state, hello.broker);
        }
    }

    /// The peer asks for a promise; an earlier question is forgotten.
    pub(super) fn asked(&self, broker: BrokerId, promise: Promise, round: Round) {
        let mut state = self.state.lock();
        if let Some(peer) = state.peers.get_mut(&broker) {
            peer.asked = Some((promise, round));
            self.is_news(&mut state, broker);
        }
    }

    /// The peer is forgotten.
    pub(super) fn forget(&self, broker: BrokerId) {
        let mut state = self.state.lock();
        state.peers.remove(&broker);
        state.changed.retain(|changed| *changed != broker);
    }

    /// There is a stream to the peer, or there is none any more.
    pub(super) fn connected(&self, broker: BrokerId, connected: bool) {
        if let Some(peer) = self.state.lock().peers.get_mut(&broker) {
            peer.connected = connected;
        }
    }

    /// Everybody known.
    pub(super) fn all(&self) -> Vec<KnownPeer> {
        let known = |peer: &Peer| KnownPeer {
            hello: peer.hello.clone(),
            connected: peer.connected,
        };
        self.state.lock().peers.values().map(known).collect()
    }

    /// What a peer has said.
    pub(super) fn hello_of(&self, broker: BrokerId) -> Option<Hello> {
        let state = self.state.lock();
        state.peers.get(&broker).map(|peer| peer.hello.clone())
    }

    /// Everything is news again: for who begins to listen.
    pub(super) fn begin(&self) {
        let mut state = self.state.lock();
        let brokers: Vec<_> = state.peers.keys().copied().collect();
        for broker in brokers {
            self.is_news(&mut state, broker);
        }
    }

    /// The next thing that forming is to know.
    pub(super) async fn next(&self) -> Event {
        loop {
            let news = self.news.notified();
            if let Some(event) = self.state.lock().next() {
                return event;
            }
            news.await;
        }
    }

    fn is_news(&self, state: &mut State, broker: BrokerId) {
        if let Some(peer) = state.peers.get_mut(&broker)
            && !peer.is_news
        {
            peer.is_news = true;
            state.changed.push_back(broker);
        }
        // One listener; a permit is kept for it where it is busy.
        self.news.notify_one();
    }
}

impl Peer {
    /// What an earlier process, or another disk, has answered or asked counts no more.
    fn says(&mut self, hello: Hello) {
        if !self.hello.is_same_process(&hello) {
            self.answered = None;
            self.asked = None;
        }
        self.hello = hello;
    }
}

impl State {
    fn next(&mut self) -> Option<Event> {
        let broker = *self.changed.front()?;
        let peer = self.peers.get_mut(&broker)?;
        // What it says of itself goes before what it asks for.
        if peer.is_news {
            peer.is_news = false;
            if peer.asked.is_none() {
                self.changed.pop_front();
            }
            let view = PeerView {
                standing: peer.hello.standing,
                initial_brokers: peer.hello.initial_brokers,
                answered: peer.answered,
            };
            return Some(Event::Heard(broker, view));
        }
        self.changed.pop_front();
        let (promise, round) = peer.asked.take()?;
        Some(Event::Asked {
            from: broker,
            promise,
            round,
        })
    }
}

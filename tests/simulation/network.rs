//! The network: delays, partitions of both kinds, connections that break, messages that come twice.
//!
//! Each ordered pair of replicas has a connection with two lanes (urgent requests overtake others, as the seam
//! says) and a way back for replies. A lane keeps its order. Where a way is cut, messages wait for the healing, as
//! TCP would send them again, or are lost with the connection. A lost connection loses all that is on it.

mod lane;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use model::ReplicaId;
use replication::peer::{
    Answered, CallError, Called, GroupId, GroupInbox, PeerReply, PeerRequest, Peers, Registration,
    Replied, ReplySlot, RequestKind,
};
use replication::process::SimulatedProcess;
use strandline_tests::chance::Chance;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::trace::{Trace, note};
use lane::{Lane, Way};

/// Most bytes that wait for one replica.
const QUEUE_BYTES_MAX: usize = 256 << 10;

/// How the network behaves now.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) delay: std::ops::Range<Duration>,
    /// In a million messages, how many break their connection.
    pub(crate) resets: u64,
    /// In a million requests of Raft, how many arrive twice.
    pub(crate) duplicates: u64,
    /// In a million appends, in how many a bit of an entry turns.
    pub(crate) corruptions: u64,
}

impl Weather {
    pub(crate) fn fair() -> Self {
        Self {
            delay: Duration::from_micros(100)..Duration::from_millis(2),
            resets: 0,
            duplicates: 0,
            corruptions: 0,
        }
    }
}

/// The whole network. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Network(Arc<Shared>);

struct Shared {
    trace: Trace,
    state: Mutex<State>,
    changed: tokio::sync::Notify,
}

struct State {
    chance: Chance,
    weather: Weather,
    cut: BTreeSet<(ReplicaId, ReplicaId)>,
    hosts: BTreeMap<ReplicaId, Host>,
    /// Which connection of a pair it is: grows with each break.
    connections: BTreeMap<(ReplicaId, ReplicaId), u64>,
    lanes: BTreeMap<(ReplicaId, ReplicaId, Way), Lane>,
    delivered: BTreeMap<RequestKind, u64>,
    in_flight: BTreeMap<RequestKind, u64>,
}

/// A replica's process, as the network knows it.
struct Host {
    alive: Arc<AtomicBool>,
    arrived: mpsc::UnboundedSender<Arrived>,
}

/// A request that has reached its host.
struct Arrived {
    from: ReplicaId,
    request: PeerRequest,
    reply: ReplySlot,
}

type Inboxes = Arc<Mutex<BTreeMap<GroupId, (u64, Arc<dyn GroupInbox>)>>>;

/// One process's access to the network.
pub(crate) struct Endpoint {
    network: Network,
    replica: ReplicaId,
    alive: Arc<AtomicBool>,
    inboxes: Inboxes,
}

impl Network {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        Self(Arc::new(Shared {
            trace,
            state: Mutex::new(State {
                chance: Chance::new(seed),
                weather: Weather::fair(),
                cut: BTreeSet::new(),
                hosts: BTreeMap::new(),
                connections: BTreeMap::new(),
                lanes: BTreeMap::new(),
                delivered: BTreeMap::new(),
                in_flight: BTreeMap::new(),
            }),
            changed: tokio::sync::Notify::new(),
        }))
    }

    /// Connects a replica's new process; its earlier one is cut off.
    pub(crate) fn join(&self, replica: ReplicaId, process: &SimulatedProcess) -> Arc<Endpoint> {
        self.leave(replica);
        let alive = Arc::new(AtomicBool::new(true));
        let (arrived, mut arriving) = mpsc::unbounded_channel::<Arrived>();
        let inboxes = Inboxes::default();
        let open = inboxes.clone();
        // As the process: nothing arrives while it stands still.
        process.spawn(async move {
            while let Some(Arrived {
                from,
                request,
                reply,
            }) = arriving.recv().await
            {
                let inbox = open
                    .lock()
                    .unwrap()
                    .get(&request.group)
                    .map(|(_, inbox)| inbox.clone());
                match inbox {
                    Some(inbox) => inbox.deliver(Some(from), request, reply),
                    None => reply.refuse("no such group"),
                }
            }
        });
        let host = Host {
            alive: alive.clone(),
            arrived,
        };
        self.0.state.lock().unwrap().hosts.insert(replica, host);
        Arc::new(Endpoint {
            network: self.clone(),
            replica,
            alive,
            inboxes,
        })
    }

    /// The replica's process is gone, and all connections with it.
    pub(crate) fn leave(&self, replica: ReplicaId) {
        let mut state = self.0.state.lock().unwrap();
        if let Some(host) = state.hosts.remove(&replica) {
            host.alive.store(false, Ordering::Release);
        }
        let State {
            lanes, connections, ..
        } = &mut *state;
        let pairs: BTreeSet<_> = lanes.keys().map(|(from, to, _)| (*from, *to)).collect();
        for pair in pairs {
            if pair.0 == replica || pair.1 == replica {
                *connections.entry(pair).or_default() += 1;
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.0.state.lock().unwrap().weather = weather;
    }

    /// From now on nothing gets from the first to the second.
    pub(crate) fn cut(&self, from: ReplicaId, to: ReplicaId) {
        self.0.state.lock().unwrap().cut.insert((from, to));
    }

    /// All ways are open again. What waits arrives, or is lost with its connection.
    pub(crate) fn mend(&self) {
        let mut state = self.0.state.lock().unwrap();
        let cut = std::mem::take(&mut state.cut);
        for (from, to) in cut {
            if state.chance.below(2) == 0 {
                *state.connections.entry((from, to)).or_default() += 1;
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// The connections between two are lost.
    pub(crate) fn reset(&self, one: ReplicaId, other: ReplicaId) {
        let mut state = self.0.state.lock().unwrap();
        for pair in [(one, other), (other, one)] {
            *state.connections.entry(pair).or_default() += 1;
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Requests of a kind that are on their way, or being answered.
    pub(crate) fn in_flight(&self, kind: RequestKind) -> u64 {
        let state = self.0.state.lock().unwrap();
        state.in_flight.get(&kind).copied().unwrap_or(0)
    }

    /// How many requests of each kind have arrived.
    pub(crate) fn delivered(&self) -> BTreeMap<RequestKind, u64> {
        self.0.state.lock().unwrap().delivered.clone()
    }

    fn is_cut(&self, from: ReplicaId, to: ReplicaId) -> bool {
        self.0.state.lock().unwrap().cut.contains(&(from, to))
    }

    fn connection(&self, from: ReplicaId, to: ReplicaId) -> u64 {
        let state = self.0.state.lock().unwrap();
        state.connections.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Turns a bit of an entry, now and then.
    fn corrupt(&self, mut request: PeerRequest) -> PeerRequest {
        let mut state = self.0.state.lock().unwrap();
        let rate = state.weather.corruptions;
        if rate == 0 || request.kind != RequestKind::Append || request.entries.is_empty() {
            return request;
        }
        if state.chance.below(1_000_000) < rate {
            let at = state.chance.below(request.entries.len() as u64) as usize;
            let mut bytes = request.entries[at].to_vec();
            let byte = state.chance.below(bytes.len() as u64) as usize;
            bytes[byte] ^= 1 << state.chance.below(8);
            request.entries[at] = bytes.into();
            drop(state);
            note!(self.0.trace, "net corrupts byte {byte} of an entry");
        }
        request
    }

    /// The request has arrived: hands it to its host's process. The slot's answer goes the way back.
    fn arrive(&self, from: ReplicaId, to: ReplicaId, sent: Sent) {
        let Sent {
            request,
            answer,
            connection,
            ..
        } = sent;
        note!(
            self.0.trace,
            "net {from}>{to} {:?} {} bytes, {:08x}",
            request.kind,
            request.payload_bytes(),
            checksum(&request)
        );
        let mut state = self.0.state.lock().unwrap();
        *state.delivered.entry(request.kind).or_default() += 1;
        let Some(host) = state.hosts.get(&to) else {
            let reason = "nobody listens".into();
            let _ = answer.send(Err(CallError::Unreachable { to, reason }));
            return;
        };
        let (network, alive) = (self.clone(), host.alive.clone());
        let group = request.group;
        let reply = ReplySlot::new(move |answered| {
            // A dead process answers nothing, also not by dropping what it held.
            if !alive.load(Ordering::Acquire) {
                return;
            }
            if let Answered::Refused(reason) = &answered {
                note!(network.0.trace, "net {to}>{from} refuses: {reason}");
            }
            let reply = match answered {
                Answered::Reply(reply) => Ok(reply),
                Answered::Refused(reason) if &*reason == "no such group" => {
                    Err(CallError::NoSuchGroup { to, group })
                }
                Answered::Refused(reason) => Err(CallError::Refused { to, reason }),
                Answered::Dropped => Err(CallError::Dropped { to }),
            };
            network.reply(from, to, connection, reply, answer);
        });
        let arrived = Arrived {
            from,
            request,
            reply,
        };
        // Where it is gone, the slot is dropped, and says nothing.
        let _ = host.arrived.send(arrived);
    }

    fn reply(
        &self,
        from: ReplicaId,
        to: ReplicaId,
        connection: u64,
        reply: Result<PeerReply, CallError>,
        answer: Answer,
    ) {
        let arrives = self.arrival();
        self.with_lane((from, to, Way::Back), |lane| {
            lane.push_reply(arrives, connection, reply, answer)
        });
    }

    fn arrival(&self) -> Instant {
        let mut state = self.0.state.lock().unwrap();
        let delay = state.weather.delay.clone();
        Instant::now() + state.chance.duration(delay.start, delay.end)
    }

    fn with_lane<R>(&self, key: (ReplicaId, ReplicaId, Way), act: impl FnOnce(&Lane) -> R) -> R {
        let mut state = self.0.state.lock().unwrap();
        let lane = state
            .lanes
            .entry(key)
            .or_insert_with(|| Lane::start(self.clone(), key));
        let lane = lane.clone();
        drop(state);
        act(&lane)
    }
}

type Answer = oneshot::Sender<Result<PeerReply, CallError>>;

/// A request on its lane.
struct Sent {
    request: PeerRequest,
    answer: Answer,
    connection: u64,
    admitted: Option<oneshot::Sender<()>>,
    arrives: Instant,
}

impl Peers for Endpoint {
    fn call(&self, to: ReplicaId, request: PeerRequest, timeout: Duration) -> Called {
        let deadline = Instant::now() + timeout;
        let from = self.replica;
        let unreachable = |reason: &str| {
            let reason = reason.into();
            std::future::ready(Err(CallError::Unreachable { to, reason })).boxed()
        };
        if !self.alive.load(Ordering::Acquire) {
            return unreachable("this process is dead");
        }
        let network = self.network.clone();
        let request = network.corrupt(request);
        let kind = request.kind;
        let (duplicated, breaks) = {
            let mut state = network.0.state.lock().unwrap();
            if !state.hosts.contains_key(&to) {
                return unreachable("connection refused");
            }
            *state.in_flight.entry(kind).or_default() += 1;
            let (duplicates, resets) = (state.weather.duplicates, state.weather.resets);
            let twice = is_raft(kind) && state.chance.below(1_000_000) < duplicates;
            (twice, state.chance.below(1_000_000) < resets)
        };
        let on_its_way = OnItsWay(network.clone(), kind);
        if breaks {
            note!(network.0.trace, "net {from}-{to} breaks");
            network.reset(from, to);
        }
        let way = match kind.is_urgent() {
            true => Way::Urgent,
            false => Way::Orderly,
        };
        let connection = network.connection(from, to);
        let (answer, answered) = oneshot::channel();
        let (admitted, admission) = oneshot::channel();
        let copy = duplicated.then(|| request.clone());
        let send = |request, answer, admitted| {
            let arrives = network.arrival();
            let sent = Sent {
                request,
                answer,
                connection,
                admitted,
                arrives,
            };
            network.with_lane((from, to, way), |lane| lane.push(sent));
        };
        send(request, answer, Some(admitted));
        if let Some(copy) = copy {
            send(copy, oneshot::channel().0, None);
        }
        let timed_out = move |sent| CallError::Timeout {
            to,
            after: timeout,
            sent,
        };
        let lost = move || CallError::Lost {
            to,
            reason: "connection reset".into(),
        };
        let replied: Replied = async move {
            let _on_its_way = on_its_way;
            match timeout_at(deadline, answered).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) => Err(lost()),
                Err(_) => Err(timed_out(true)),
            }
        }
        .boxed();
        async move {
            match timeout_at(deadline, admission).await {
                Ok(Ok(())) => Ok(replied),
                Ok(Err(_)) => Err(lost()),
                Err(_) => Err(timed_out(false)),
            }
        }
        .boxed()
    }

    fn register(&self, group: GroupId, inbox: Arc<dyn GroupInbox>) -> Registration {
        let token = {
            let mut inboxes = self.inboxes.lock().unwrap();
            let token = inboxes.get(&group).map_or(0, |(token, _)| token + 1);
            inboxes.insert(group, (token, inbox));
            token
        };
        let inboxes = self.inboxes.clone();
        Registration::new(move || {
            let mut inboxes = inboxes.lock().unwrap();
            if inboxes
                .get(&group)
                .is_some_and(|(known, _)| *known == token)
            {
                inboxes.remove(&group);
            }
        })
    }
}

/// Counts a request as on its way until its reply is there or forgotten.
struct OnItsWay(Network, RequestKind);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut state = self.0.0.state.lock().unwrap();
        *state.in_flight.entry(self.1).or_default() -= 1;
    }
}

/// What Raft takes twice without harm.
fn is_raft(kind: RequestKind) -> bool {
    matches!(
        kind,
        RequestKind::Append | RequestKind::Heartbeat | RequestKind::Vote | RequestKind::PreVote
    )
}

fn checksum(request: &PeerRequest) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for part in std::iter::once(&request.head).chain(&request.entries) {
        for byte in part {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
    hash
}

//! One peer, as this broker calls it: keeps a stream to it, and takes the replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::{BrokerId, ReplicaId};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tonic::body::Body;

use super::Hello;
use super::dial::{self, DialError, Dialled, Jitter};
use super::network::Shared;
use super::outbox::Outbox;
use super::stats::Counters;
use super::stream::{Broken, Gather, Incoming, RequestBody};
use super::wire::Message;

/// A stream that lived for so long was a good one: the next attempt comes at once.
const GOOD: Duration = Duration::from_secs(1);
/// To whoever calls it still.
const FORGOTTEN: &str = "it is gone, and no broker of the cluster";

/// One peer.
pub(super) struct Link {
    pub(super) broker: BrokerId,
    pub(super) outbox: Arc<Outbox>,
    pub(super) counters: Arc<Counters>,
    /// It has an address that it had not, or has just been heard of: dial now.
    pub(super) wake: Notify,
    /// It is forgotten: dial no more.
    pub(super) forgotten: Notify,
    /// How many streams of its own it has here.
    pub(super) inbound: AtomicUsize,
    /// The replica that it is.
    pub(super) replica: Mutex<Option<ReplicaId>>,
}

/// How an attempt, or a stream, has ended.
enum Ended {
    Failed(String),
    /// For a reason that only an operator can remove.
    Refused(String),
    Stopped,
    Forgotten,
}

impl Link {
    pub(super) fn new(broker: BrokerId, shared: &Shared) -> Arc<Self> {
        Arc::new(Self {
            broker,
            outbox: Arc::new(Outbox::new(&shared.settings.limits)),
            counters: Arc::default(),
            wake: Notify::new(),
            forgotten: Notify::new(),
            inbound: AtomicUsize::new(0),
            replica: Mutex::new(None),
        })
    }

    /// Keeps a stream to the peer until the network stops, or the peer is forgotten.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let limits = &shared.settings.limits;
        let mut stopped = shared.stop.subscribe();
        let mut jitter = Jitter::new(shared.settings.jitter_seed ^ u64::from(self.broker.get()));
        let mut wait = limits.backoff_min;
        let mut said = String::new();
        loop {
            let began = Instant::now();
            let ended = tokio::select! {
                ended = self.attempt(&shared) => ended,
                _ = stopped.wait_for(|stop| *stop) => Ended::Stopped,
                () = self.forgotten.notified() => Ended::Forgotten,
            };
            let (reason, next) = match ended {
                Ended::Stopped => {
                    self.down(&shared, "this broker is shutting down");
                    return;
                }
                Ended::Forgotten => return self.outbox.down(&FORGOTTEN.into()),
                Ended::Failed(reason) => {
                    if began.elapsed() > GOOD {
                        wait = limits.backoff_min;
                    }
                    let next = jitter.of(wait);
                    wait = (wait * 2).min(limits.backoff_max);
                    (reason, next)
                }
                Ended::Refused(reason) => (reason, jitter.of(limits.refused_wait)),
            };
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            self.down(&shared, &reason);
            if reason != said {
                tracing::warn!(broker = %self.broker, reason, "no connection");
                said = reason;
            }
            tokio::select! {
                () = sleep(next) => {}
                () = self.wake.notified() => {}
                _ = stopped.wait_for(|stop| *stop) => return,
                () = self.forgotten.notified() => return self.outbox.down(&FORGOTTEN.into()),
            }
        }
    }

    /// Tries every address, in turn; serves the first stream that is made, until it ends.
    async fn attempt(&self, shared: &Arc<Shared>) -> Ended {
        let limits = &shared.settings.limits;
        let mut last = Ended::Failed(format!("no address of broker {} is known", self.broker));
        for address in shared.book.addresses_of(self.broker) {
            let resolved = match dial::resolve(&address, limits.connect_timeout).await {
                Ok(resolved) => resolved,
                Err(error) => {
                    last = Ended::Failed(error.to_string());
                    continue;
                }
            };
            for socket in resolved {
                let stream = shared.next_stream();
                self.outbox.dialling(stream);
                let dialled = dial::dial(socket, self.body(shared, stream), limits).await;
                last = match dialled {
                    Ok(dialled) => match self.greet(shared, &dialled.hello) {
                        Ok(()) => return self.serve(shared, stream, dialled).await,
                        Err(ended) => {
                            if dialled.hello.broker != self.broker {
                                shared.book.lost(self.broker, &address);
                            }
                            ended
                        }
                    },
                    Err(DialError::Refused { reason, .. }) => Ended::Refused(reason),
                    Err(error) => Ended::Failed(error.to_string()),
                };
            }
        }
        last
    }

    fn body(&self, shared: &Shared, stream: u64) -> Body {
        Body::new(RequestBody {
            pieces: dial::hello_pieces(shared.me()),
            outbox: self.outbox.clone(),
            stream,
            gather: Gather::new(shared.settings.limits.heartbeat_gather),
            leaders: shared.leaders.clone(),
            peer: self.broker,
            counters: self.counters.clone(),
        })
    }

    /// Whether who answered is the peer, and may be talked to.
    fn greet(&self, shared: &Arc<Shared>, hello: &Hello) -> Result<(), Ended> {
        if hello.broker != self.broker {
            // Whoever that is has an address of its own.
            if shared.judge(hello).is_ok() {
                shared.heard(hello.clone());
            }
            return Err(Ended::Failed(format!(
                "broker {} answers where broker {} was expected",
                hello.broker, self.broker
            )));
        }
        shared.judge(hello).map_err(Ended::Refused)?;
        shared.heard(hello.clone());
        Ok(())
    }

    async fn serve(&self, shared: &Arc<Shared>, stream: u64, dialled: Dialled) -> Ended {
        let Dialled {
            hello,
            incoming,
            channel,
        } = dialled;
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        shared.leaders.begin(self.broker);
        shared.leaders.is_here(self.broker, true);
        shared.roster.connected(self.broker, true);
        self.outbox.up(stream);
        tracing::info!(broker = %self.broker, at = hello.advertised_peer, "connected");
        // The standing may have changed since the Hello was written.
        self.outbox.note(Message::Standing {
            standing: shared.me().standing,
            round: None,
        });
        let mut gossip = shared.leaders.watch();
        let gather = shared.settings.limits.gossip_gather;
        let telling = async {
            loop {
                next_change(&mut gossip, gather).await;
                self.outbox.gossip();
            }
        };
        let ended = tokio::select! {
            ended = self.read(shared, &hello, incoming) => ended,
            () = telling => Ended::Stopped,
        };
        drop(channel);
        ended
    }

    async fn read(&self, shared: &Shared, hello: &Hello, mut incoming: Incoming) -> Ended {
        let mut recheck = shared.recheck.subscribe();
        loop {
            tokio::select! {
                message = incoming.next() => match message {
                    Ok(message) => {
                        self.counters.received(incoming.frame_bytes as u64);
                        if let Err(ended) = self.take(message) {
                            return ended;
                        }
                    }
                    Err(Broken::Closed) => {
                        return Ended::Failed("it has closed the connection".to_owned());
                    }
                    Err(error) => return Ended::Failed(error.to_string()),
                },
                _ = recheck.changed() => {
                    let known = shared.roster.hello_of(self.broker);
                    if let Err(reason) = shared.judge(known.as_ref().unwrap_or(hello)) {
                        return Ended::Refused(reason);
                    }
                }
            }
        }
    }

    fn take(&self, message: Message) -> Result<(), Ended> {
        match message {
            Message::Reply(number, answer) => self.outbox.answered(number, answer),
            Message::HeartbeatReplies(replies) => {
                for (number, answer) in replies {
                    self.outbox.answered(number, answer);
                }
            }
            Message::Refusal { reason } => return Err(Ended::Refused(reason)),
            other => {
                return Err(Ended::Failed(format!(
                    "it sends what no peer sends here: {other:?}"
                )));
            }
        }
        Ok(())
    }

    fn down(&self, shared: &Shared, reason: &str) {
        let was_up = self.outbox.is_up();
        self.outbox.down(&reason.into());
        if was_up {
            shared.leaders.end(self.broker);
            shared.leaders.is_here(self.broker, false);
            shared.roster.connected(self.broker, false);
        }
    }
}

/// A change, and what follows it within a moment.
async fn next_change(watch: &mut tokio::sync::watch::Receiver<u64>, gather: Duration) {
    if watch.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    sleep(gather).await;
    watch.mark_unchanged();
}

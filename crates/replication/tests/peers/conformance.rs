//! The seam's promises, kept by the real transport and by the simplest one that there can be.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::{ClusterId, ReplicaId};
use replication::peer::conformance::{ThreeBrokers, test_all};
use replication::peer::{
    Answered, CallError, Called, GroupId, GroupInbox, Inboxes, PeerRequest, Peers, Registration,
    ReplySlot,
};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::cluster::{Broker, Running, brokers};

const QUEUE_BYTES_MAX: usize = 8 << 20;

/// Over loopback.
struct Real {
    brokers: Mutex<Vec<Broker>>,
    running: Mutex<Vec<Option<Running>>>,
}

impl ThreeBrokers for Real {
    fn peers(&self, broker: u32) -> Arc<dyn Peers> {
        let running = self.running.lock().unwrap();
        running[broker as usize].as_ref().unwrap().network.clone()
    }

    fn stop(&self, broker: u32) -> BoxFuture<'_, ()> {
        let running = self.running.lock().unwrap()[broker as usize].take();
        async move { running.unwrap().stop().await }.boxed()
    }

    fn start(&self, broker: u32) -> BoxFuture<'_, ()> {
        let started = self.brokers.lock().unwrap()[broker as usize].start();
        self.running.lock().unwrap()[broker as usize] = Some(started);
        ready(()).boxed()
    }

    fn queue_bytes_max(&self) -> usize {
        QUEUE_BYTES_MAX
    }
}

#[tokio::test]
async fn the_real_transport_keeps_the_promises_of_the_seam() {
    let mut brokers = brokers(3);
    for broker in &mut brokers {
        broker.is_member(ClusterId::from_bytes([1; 16]));
        broker.settings.limits.queue_bytes_max = QUEUE_BYTES_MAX;
        broker.settings.limits.group_bytes_max = QUEUE_BYTES_MAX / 2;
    }
    let running = brokers.iter_mut().map(|b| Some(b.start())).collect();
    let real = Real {
        brokers: Mutex::new(brokers),
        running: Mutex::new(running),
    };
    test_all(&real).await;
    for broker in 0..3 {
        real.stop(broker).await;
    }
}

/// The brokers that run. Whoever waits for one that is stopped is told so by the end of its watch.
type All = Arc<Mutex<HashMap<ReplicaId, (Arc<Inboxes>, watch::Sender<()>)>>>;

/// Calls straight into the other's inboxes.
struct InProcess {
    me: ReplicaId,
    all: All,
    mine: Arc<Inboxes>,
    /// By peer and group, in KiB.
    room: Mutex<HashMap<(ReplicaId, GroupId), Arc<Semaphore>>>,
}

impl Peers for InProcess {
    fn call(&self, to: ReplicaId, request: PeerRequest, timeout: Duration) -> Called {
        let target = {
            let all = self.all.lock().unwrap();
            all.get(&to)
                .map(|(inboxes, alive)| (inboxes.clone(), alive.subscribe()))
        };
        let Some((inboxes, mut alive)) = target else {
            let reason = "it is stopped".into();
            return ready(Err(CallError::Unreachable { to, reason })).boxed();
        };
        let (group, me) = (request.group, self.me);
        let room = {
            let mut all = self.room.lock().unwrap();
            let new = || Arc::new(Semaphore::new(QUEUE_BYTES_MAX / 1024 / 2));
            all.entry((to, group)).or_insert_with(new).clone()
        };
        let kibibytes = (request.payload_bytes() / 1024) as u32;
        let (sender, answer) = oneshot::channel();
        let deliver = move || {
            let slot = ReplySlot::new(move |answered| drop(sender.send(answered)));
            inboxes.deliver(Some(me), request, || slot)
        };
        let timed_out = move |sent| CallError::Timeout {
            to,
            after: timeout,
            sent,
        };
        // What fits goes at once: the order is that of the calls.
        let Ok(permit) = room.try_acquire_many_owned(kibibytes) else {
            return async move {
                tokio::time::sleep(timeout).await;
                Err(timed_out(false))
            }
            .boxed();
        };
        let found = deliver();
        let replied = async move {
            let _permit = permit;
            let answer = async {
                tokio::select! {
                    answer = answer => Ok(answer),
                    _ = alive.changed() => Err(CallError::Lost { to, reason: "it is stopped".into() }),
                }
            };
            let answer = match tokio::time::timeout(timeout, answer).await {
                Ok(Err(lost)) => return Err(lost),
                Ok(Ok(answer)) => Ok(answer),
                Err(late) => Err(late),
            };
            match answer {
                Ok(Ok(Answered::Reply(reply))) => Ok(reply),
                Ok(Ok(Answered::Refused(reason))) => Err(CallError::Refused { to, reason }),
                _ if !found => Err(CallError::NoSuchGroup { to, group }),
                Ok(_) => Err(CallError::Dropped { to }),
                Err(_) => Err(timed_out(true)),
            }
        };
        ready(Ok(replied.boxed())).boxed()
    }

    fn register(&self, group: GroupId, inbox: Arc<dyn GroupInbox>) -> Registration {
        Inboxes::register(&self.mine, group, inbox)
    }
}

struct Simple {
    all: All,
    brokers: Mutex<Vec<Arc<InProcess>>>,
}

impl Simple {
    fn broker(all: &All, number: u32) -> Arc<InProcess> {
        let me = ReplicaId::new(number.into());
        let mine = Arc::<Inboxes>::default();
        all.lock()
            .unwrap()
            .insert(me, (mine.clone(), watch::channel(()).0));
        Arc::new(InProcess {
            me,
            all: all.clone(),
            mine,
            room: Mutex::default(),
        })
    }
}

impl ThreeBrokers for Simple {
    fn peers(&self, broker: u32) -> Arc<dyn Peers> {
        self.brokers.lock().unwrap()[broker as usize].clone()
    }

    fn stop(&self, broker: u32) -> BoxFuture<'_, ()> {
        let replica = ReplicaId::new(broker.into());
        self.all.lock().unwrap().remove(&replica);
        let gone = Self::broker(&Arc::default(), broker);
        self.brokers.lock().unwrap()[broker as usize] = gone;
        ready(()).boxed()
    }

    fn start(&self, broker: u32) -> BoxFuture<'_, ()> {
        self.brokers.lock().unwrap()[broker as usize] = Self::broker(&self.all, broker);
        ready(()).boxed()
    }

    fn queue_bytes_max(&self) -> usize {
        QUEUE_BYTES_MAX
    }
}

#[tokio::test]
async fn the_simplest_one_keeps_them_too() {
    let all = Arc::default();
    let brokers = (0..3).map(|number| Simple::broker(&all, number)).collect();
    let simple = Simple {
        brokers: Mutex::new(brokers),
        all,
    };
    test_all(&simple).await;
}

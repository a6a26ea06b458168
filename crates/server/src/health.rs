//! Whether the broker is ready, for `/readyz` and for gRPC's health service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use broker::Broker;
use parking_lot::Mutex;
use replication::peer::PeerNetwork;
use serde::Serialize;
use tonic_health::server::HealthReporter;

/// How often a broker that is not ready is asked again, and one that is.
const ASK_UNREADY: Duration = Duration::from_millis(50);
const ASK_READY: Duration = Duration::from_secs(1);

/// How often a starting broker is asked.
const ASK_STARTING: Duration = Duration::from_millis(2);

/// An answer looks at every partition: with thousands of them the pause behind it is at least this many times as long
/// as it took, so that asking stays a small part of a busy processor.
const PAUSE_FACTOR: u32 = 50;

/// What a starting broker is at, unless it says something else.
pub(crate) const RECOVERING: &str = "the broker is starting: it recovers its data";

/// How ready the process is. Shared by whoever asks.
#[derive(Default)]
pub(crate) struct Health {
    broker: OnceLock<Arc<Broker>>,
    network: OnceLock<Arc<PeerNetwork>>,
    /// What a broker that has not started is at.
    stage: Mutex<Option<String>>,
    stopping: AtomicBool,
}

/// Whether everything is served, and what is not.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Whether nothing is missing.
    pub(crate) ready: bool,
    /// How many partitions this broker has.
    pub(crate) partitions: usize,
    /// What is missing.
    pub(crate) not_ready: Vec<Missing>,
}

/// What is not served, and why.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    /// The topic, where it is a partition that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    /// The partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<u32>,
    /// Why.
    pub(crate) reason: String,
}

impl Health {
    /// What the broker is at, before it has started.
    pub(crate) fn at(&self, stage: impl Into<String>) {
        *self.stage.lock() = Some(stage.into());
    }

    /// The broker has started; from now on it is asked.
    pub(crate) fn started(&self, broker: Arc<Broker>) {
        // Set once, by the one start.
        let _ = self.broker.set(broker);
    }

    /// The broker listens for others: that can be looked at from now on.
    pub(crate) fn listens(&self, network: Arc<PeerNetwork>) {
        // Set once, by the one start.
        let _ = self.network.set(network);
    }

    /// What goes on between brokers; `None` where this one is alone.
    pub(crate) fn network(&self) -> Option<Arc<PeerNetwork>> {
        self.network.get().cloned()
    }

    /// The broker, once it has started.
    pub(crate) fn broker(&self) -> Option<Arc<Broker>> {
        self.broker.get().cloned()
    }

    /// The broker stops: it is not ready any more.
    pub(crate) fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// How ready the broker is now.
    pub(crate) fn report(&self) -> Report {
        let Some(broker) = self.broker.get() else {
            let stage = self.stage.lock().clone();
            return Report::unready(stage.as_deref().unwrap_or(RECOVERING));
        };
        if self.stopping.load(Ordering::Relaxed) {
            return Report::unready("the broker is stopping");
        }
        let readiness = broker.readiness();
        let metadata = readiness
            .metadata
            .iter()
            .map(|reason| Missing::whole(reason));
        let partitions = readiness.not_ready.iter().map(|missing| Missing {
            topic: Some(missing.topic.to_string()),
            partition: Some(missing.partition.get()),
            reason: missing.reason.to_string(),
        });
        Report {
            ready: readiness.is_ready(),
            partitions: readiness.partitions,
            not_ready: metadata.chain(partitions).collect(),
        }
    }

    /// Waits until the broker is ready, but no longer than `at_most`: a damaged partition never will be.
    pub(crate) async fn wait_until_ready(&self, at_most: Duration) -> Report {
        let ready = async {
            loop {
                let asked = Instant::now();
                if self.report().ready {
                    return;
                }
                tokio::time::sleep(pause_behind(asked.elapsed(), ASK_STARTING)).await;
            }
        };
        // Ready or not: the report says it.
        let _ = tokio::time::timeout(at_most, ready).await;
        self.report()
    }

    /// Tells gRPC's health service whenever the answer changes. Never ends.
    pub(crate) async fn tell(&self, reporter: HealthReporter) {
        let mut told = None;
        loop {
            let asked = Instant::now();
            let report = self.report();
            let took = asked.elapsed();
            if told != Some(report.ready) {
                grpc_api::set_serving(&reporter, report.ready).await;
                if told.is_some() {
                    log_change(&report);
                }
                told = Some(report.ready);
            }
            let pause = if report.ready { ASK_READY } else { ASK_UNREADY };
            tokio::time::sleep(pause_behind(took, pause)).await;
        }
    }
}

/// How long not to ask again behind an answer that took so long.
fn pause_behind(took: Duration, at_least: Duration) -> Duration {
    at_least.max(took * PAUSE_FACTOR).min(ASK_READY)
}

impl Report {
    fn unready(reason: &str) -> Self {
        Self {
            ready: false,
            partitions: 0,
            not_ready: vec![Missing::whole(reason)],
        }
    }
}

impl Missing {
    fn whole(reason: &str) -> Self {
        Self {
            topic: None,
            partition: None,
            reason: reason.to_owned(),
        }
    }
}

fn log_change(report: &Report) {
    if report.ready {
        tracing::info!(partitions = report.partitions, "ready");
        return;
    }
    let first = report.not_ready.first();
    tracing::warn!(
        missing = report.not_ready.len(),
        topic = first.and_then(|missing| missing.topic.as_deref()),
        partition = first.and_then(|missing| missing.partition),
        reason = first.map(|missing| missing.reason.as_str()),
        "not ready"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_has_not_started_is_not_ready_and_says_so() {
        let report = Health::default().report();
        assert!(!report.ready);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(
            json,
            "{\"ready\":false,\"partitions\":0,\"not_ready\":[{\"reason\":\"the broker is starting: it recovers its data\"}]}"
        );
    }

    #[test]
    fn the_longer_an_answer_takes_the_less_often_it_is_asked_for() {
        let of = |took| pause_behind(Duration::from_millis(took), ASK_UNREADY);
        assert_eq!(of(0), ASK_UNREADY);
        assert_eq!(of(4), Duration::from_millis(200));
        assert_eq!(of(1_000), ASK_READY);
    }
}

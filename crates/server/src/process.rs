//! A broker's life: start, serve, stop, each in the order that loses nothing.
//!
//! ```text
//! start   lock and count the start ─ bind ─ serve HTTP ─ form or join the cluster ─ open logs, votes, groups
//!         ─ serve gRPC ─ ready
//! stop    not ready ─ hand leaderships on ─ accept nothing ─ finish what is in flight ─ groups ─ other brokers ─ logs
//!         ─ note the clean stop ─ unlock
//! ```

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use model::{Clock, SystemClock};
use replication::Cores;
use tokio::task::JoinSet;
use tonic_health::server::HealthReporter;

use crate::RunError;
use crate::cluster::{self, PeerNeighbours, Place};
use crate::data_directory::{DataDirectory, Stored};
use crate::grpc::GrpcServer;
use crate::health::Health;
use crate::http::{self, Shown};
use crate::listen::{Bound, bind};
use crate::membership;
use crate::metrics::Metrics;
use crate::settings::{Settings, table};
use crate::storage::{Storage, count};
use crate::wiring::{api_settings, broker_settings};

/// How long the ready line waits for partitions: a damaged one is never ready, the others serve all the same.
const READY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Where a broker serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The broker's number.
    pub id: u32,
    /// The public gRPC port.
    pub grpc: SocketAddr,
    /// The HTTP port.
    pub http: SocketAddr,
    /// The data directory.
    pub data: PathBuf,
}

/// Serves until `stop` ends; calls `ready` once everything serves. Needs a current-thread runtime; starts threads
/// of its own for connections and partitions.
///
/// # Errors
/// [`RunError`].
pub async fn serve(
    settings: Settings,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&Ready),
) -> Result<(), RunError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::start().map_err(RunError::Metrics)?;
    let directory = DataDirectory::open(&settings.data, settings.id, &*clock)?;
    let grpc = bind(table::GRPC.name, &settings.grpc)?;
    let http = bind(table::HTTP.name, &settings.http)?;
    let peer = match settings.is_alone() {
        true => None,
        false => Some(bind(table::PEER.name, &settings.peer)?),
    };
    log_start(&settings, &directory);
    let addresses = Ready {
        id: settings.id,
        grpc: grpc.address,
        http: http.address,
        data: settings.data.clone(),
    };
    let health = Arc::new(Health::default());
    let _aside = serve_aside(http, health.clone(), metrics, &settings.data);
    let mut stop = std::pin::pin!(stop);
    let cores = Arc::new(Cores::start(count(settings.cores))?);
    let network = match peer {
        Some(peer) => Some(cluster::start(
            &settings,
            &directory,
            grpc.address,
            peer,
            &cores,
        )?),
        None => None,
    };
    if let Some(network) = &network {
        health.listens(network.clone());
    }
    let place = Place::find(
        &settings,
        &directory,
        grpc.address,
        network.as_ref(),
        &health,
    );
    let place = tokio::select! {
        place = place => place?,
        () = &mut stop => {
            if let Some(network) = &network {
                network.shutdown().await;
            }
            cores.shutdown();
            return Ok(directory.close()?);
        }
    };
    let disk = directory.disk();
    let storage = Storage::open(
        &settings,
        place.replica,
        cores,
        network,
        disk,
        clock.clone(),
    )?;

    let start = start(
        &settings, &directory, &storage, place, &clock, &health, grpc,
    );
    let mut running = tokio::select! {
        started = start => started?,
        () = &mut stop => {
            storage.close().await?;
            return Ok(directory.close()?);
        }
    };
    let announced = async {
        announce(&health, &addresses, ready).await;
        std::future::pending().await
    };
    let served = tokio::select! {
        () = announced => Ok(()),
        error = running.failed() => Err(error),
        () = &mut stop => Ok(()),
    };
    running.stop(&settings).await;
    storage.close().await?;
    directory.close()?;
    served
}

/// What serves clients.
struct Running {
    broker: Arc<Broker>,
    grpc: GrpcServer,
    health: Arc<Health>,
    reporter: HealthReporter,
    streams: grpc_api::Stop,
    _telling: JoinSet<()>,
}

async fn start(
    settings: &Settings,
    directory: &DataDirectory,
    storage: &Storage,
    place: Place,
    clock: &Arc<dyn Clock>,
    health: &Arc<Health>,
    grpc: Bound,
) -> Result<Running, RunError> {
    let broker_settings = broker_settings(settings, place.identity, place.formation);
    let replication = storage.replication().clone();
    let broker = match storage.network() {
        None => {
            let broker = Broker::start(replication, clock.clone(), broker_settings).await?;
            let formed = broker.describe_cluster().cluster;
            membership::note_alone(directory, formed, place.replica)?;
            broker
        }
        Some(network) => {
            let neighbours = Arc::new(PeerNeighbours::new(network.clone()));
            let clock = clock.clone();
            let start = Broker::start_among(replication, neighbours, clock, broker_settings);
            let broker = start.await?;
            cluster::judge_peers(network, &broker);
            broker
        }
    };
    health.started(broker.clone());
    let api = grpc_api::routes(broker.clone(), clock.clone(), api_settings(settings));
    let api = api.await.map_err(RunError::Descriptors)?;
    // What is recovered was opened by the start above; what catches up makes it ready.
    grpc_api::set_started(&api.health).await;
    let grpc = GrpcServer::start(grpc.listener, storage.cores(), &api.routes, settings)?;
    let mut telling = JoinSet::new();
    telling.spawn(tell(health.clone(), api.health.clone()));
    telling.spawn(note_registered(broker.clone(), directory.stored().clone()));
    if let Some(network) = storage.network() {
        let announced =
            cluster::announce_until_registered(network.clone(), broker.clone(), place.replica);
        telling.spawn(announced);
    }
    Ok(Running {
        broker,
        grpc,
        health: health.clone(),
        reporter: api.health,
        streams: api.stop,
        _telling: telling,
    })
}

impl Running {
    /// Waits until something that serves has ended, which nothing may.
    async fn failed(&mut self) -> RunError {
        tokio::select! {
            reason = self.grpc.failed() => RunError::Ended { reason },
            refused = self.broker.cast_out() => RunError::CastOut(refused),
        }
    }

    /// Finishes what is in flight, within the time that is set for it; cuts off the rest.
    async fn stop(mut self, settings: &Settings) {
        self.health.stopping();
        grpc_api::set_serving(&self.reporter, false).await;
        // What comes meanwhile is still answered, or sent on to those that lead now.
        self.broker.leave().await;
        self.grpc.stop();
        self.streams.stop();
        for service in grpc_api::SERVICES {
            // Who watches it has now been told, and its stream ends.
            self.reporter.clear_service_status(service).await;
        }
        let waited = settings.shutdown_timeout;
        let closed = tokio::time::timeout(waited, self.grpc.closed());
        let (closed, ()) = tokio::join!(closed, self.broker.shutdown());
        if closed.is_err() {
            tracing::warn!(
                ?waited,
                "calls are still in flight and are cut off; shutdown_timeout says how long to wait"
            );
        }
    }
}

/// Serves HTTP beside everything else, until it is dropped.
fn serve_aside(http: Bound, health: Arc<Health>, metrics: Metrics, data: &Path) -> JoinSet<()> {
    let mut aside = JoinSet::new();
    let shown = Shown {
        health,
        metrics,
        data: data.into(),
    };
    aside.spawn(async move {
        if let Err(error) = http::serve(http.listener, shown).await {
            tracing::error!(%error, "metrics and health are served no more");
        }
    });
    aside
}

async fn tell(health: Arc<Health>, reporter: HealthReporter) {
    health.tell(reporter).await;
}

/// Notes on the disk that the cluster has taken this start: the next one is another.
async fn note_registered(broker: Arc<Broker>, stored: Arc<Stored>) {
    broker.registered().await;
    let noted = tokio::task::spawn_blocking(move || stored.registered()).await;
    if let Err(error) = noted.map_err(io::Error::other).flatten() {
        tracing::warn!(
            %error,
            "the data directory could not note that the cluster has registered this start: the next start passes for the \
             same one, and a copy of the disk that is taken until then for the disk"
        );
    }
}

/// Says that everything serves, or what does not.
async fn announce(health: &Health, addresses: &Ready, ready: impl FnOnce(&Ready)) {
    let report = health.wait_until_ready(READY_WAIT_MAX).await;
    for missing in &report.not_ready {
        tracing::error!(
            topic = missing.topic,
            partition = missing.partition,
            reason = missing.reason,
            "not served"
        );
    }
    ready(addresses);
}

fn log_start(settings: &Settings, directory: &DataDirectory) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        broker = settings.id,
        data = %settings.data.display(),
        disk = %directory.disk_id(),
        start = directory.start_counter(),
        cores = settings.cores,
        "starting"
    );
    if !directory.stopped_cleanly_before() {
        tracing::warn!(
            "the broker before did not come to its end: its logs are checked and recovered"
        );
    }
}

//! Three brokers that form a cluster, each in a process of its own, on one machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::{CreateTopicRequest, DescribeClusterRequest, GetTopicRequest};

use crate::broker::{Broker, Durability, connected, with_topics};
use crate::harness::Pass;

/// How many brokers, and replicas of each partition.
pub(crate) const BROKERS: usize = 3;

/// How long the cluster may take until every partition is led and every replica in sync.
const WHOLE_WITHIN: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What a broker of the cluster keeps through its lives.
struct Place {
    flags: Vec<String>,
    data: PathBuf,
}

/// The cluster.
pub(crate) struct Cluster {
    program: PathBuf,
    places: Vec<Place>,
    /// `None` where the broker was killed.
    brokers: Vec<Option<Broker>>,
}

impl Cluster {
    /// Starts the brokers on empty directories in `home`; all of them are ready when this returns.
    pub(crate) fn start(program: &Path, home: &Path) -> Result<Self> {
        let ports = free_ports(BROKERS * 3)?;
        let peers: Vec<_> = (0..BROKERS)
            .map(|id| format!("127.0.0.1:{}", ports[id * 3 + 1]))
            .collect();
        let place = |id: usize| {
            let listen = |name, port| [format!("--{name}"), format!("127.0.0.1:{port}")];
            let mut flags = vec!["--id".to_owned(), id.to_string()];
            flags.extend(["--cluster-peers".to_owned(), peers.join(",")]);
            for (name, at) in [("grpc", 0), ("peer", 1), ("http", 2)] {
                flags.extend(listen(name, ports[id * 3 + at]));
            }
            let data = home.join(format!("broker-{id}"));
            Place { flags, data }
        };
        let places: Vec<_> = (0..BROKERS).map(place).collect();
        // None is ready before all are there.
        let brokers = thread::scope(|scope| {
            let starts: Vec<_> = places
                .iter()
                .map(|place| scope.spawn(|| place.start(program)))
                .collect();
            let join = |start: thread::ScopedJoinHandle<'_, Result<Broker>>| {
                let broker = start.join().map_err(|_| anyhow!("a start panicked"))?;
                broker.map(Some)
            };
            starts.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?;
        Ok(Self {
            program: program.to_owned(),
            places,
            brokers,
        })
    }

    /// Creates a topic of three replicas, and waits until all are in sync.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: usize,
        durability: Durability,
    ) -> Result<()> {
        with_topics(self.any()?.address(), async |mut topics| {
            let request = CreateTopicRequest {
                name: name.to_owned(),
                partitions: Some(i32::try_from(partitions)?),
                replication_factor: Some(BROKERS as i32),
                configs: [("durability".to_owned(), durability.config())].into(),
                ..CreateTopicRequest::default()
            };
            topics.create_topic(request).await?;
            Ok(())
        })?;
        self.await_whole()
    }

    /// Waits until every partition has a leader, and every replica is in sync.
    pub(crate) fn await_whole(&self) -> Result<()> {
        let deadline = Instant::now() + WHOLE_WITHIN;
        loop {
            let cluster = connected(self.any()?.address(), async |channel| {
                let mut client = ClusterClient::new(channel);
                let asked = client.describe_cluster(DescribeClusterRequest {});
                Ok(asked.await?.into_inner())
            })?;
            if cluster.leaderless == 0 && cluster.under_replicated == 0 {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "after {WHOLE_WITHIN:?} {} partitions have no leader, {} lack replicas in sync",
                cluster.leaderless,
                cluster.under_replicated
            );
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Which broker leads each partition of a topic.
    pub(crate) fn leaders(&self, name: &str) -> Result<Vec<usize>> {
        with_topics(self.any()?.address(), async |mut topics| {
            let name = name.to_owned();
            let answer = topics.get_topic(GetTopicRequest { name }).await?;
            let topic = answer.into_inner().topic.context("no such topic")?;
            let leaders = topic.partitions.iter().map(|partition| {
                let leader = partition.leader.context("a partition without a leader")?;
                Ok(usize::try_from(leader)?)
            });
            leaders.collect()
        })
    }

    /// The gRPC addresses of those that run.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.running().map(Broker::address).collect()
    }

    /// The gRPC address of one broker.
    pub(crate) fn address(&self, id: usize) -> Result<SocketAddr> {
        Ok(self.broker(id)?.address())
    }

    /// The process ids of those that run.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        self.running().map(Broker::process_id).collect()
    }

    /// Runs a load, and adds the CPU time of all brokers to what it gave.
    pub(crate) fn measure(&self, load: impl FnOnce() -> Result<Pass>) -> Result<Pass> {
        let before = self.cpu_seconds()?;
        let mut pass = load()?;
        pass.server_cpu_seconds = self.cpu_seconds()? - before;
        Ok(pass)
    }

    /// CPU seconds that all brokers together have used so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        self.running().map(Broker::cpu_seconds).sum()
    }

    /// Kills one broker, as `kill -9` does.
    pub(crate) fn kill(&mut self, id: usize) -> Result<()> {
        let broker = self.brokers.get_mut(id).and_then(Option::take);
        broker.context("no such broker runs")?.kill()
    }

    /// Starts a broker that was killed again, and waits until all replicas are in sync.
    pub(crate) fn restart(&mut self, id: usize) -> Result<()> {
        self.brokers[id] = Some(self.places[id].start(&self.program)?);
        self.await_whole()
    }

    fn running(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.iter().flatten()
    }

    fn any(&self) -> Result<&Broker> {
        self.running().next().context("no broker runs")
    }

    fn broker(&self, id: usize) -> Result<&Broker> {
        let broker = self.brokers.get(id).and_then(Option::as_ref);
        broker.with_context(|| format!("broker {id} does not run"))
    }
}

impl Place {
    fn start(&self, program: &Path) -> Result<Broker> {
        Broker::start_with(program, &self.data, &self.flags)
    }
}

/// How many files a process has open, and how many it maps.
pub(crate) fn files_of(process: u32) -> Result<(usize, usize)> {
    let open = fs::read_dir(format!("/proc/{process}/fd"))?.count();
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    Ok((open, maps.lines().count()))
}

/// Ports on which nobody listens: brokers must know each other's before they start.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All at a time, so that none is given out twice.
    let listeners = (0..count).map(bind).collect::<Result<Vec<_>, _>>()?;
    let port = |listener: &TcpListener| Ok(listener.local_addr()?.port());
    listeners.iter().map(port).collect()
}

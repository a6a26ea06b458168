//! Brokers in one process, each with its own cores, port and identity.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use model::{BrokerId, ClusterId, DiskId, ReplicaId};
use replication::Cores;
use replication::peer::{
    FormError, Joining, Membership, PeerLimits, PeerNetwork, PeerSettings, PromiseStore, Seeds,
    Standing, form,
};

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a broker's disk remembers.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Standing>>);

impl Memory {
    pub(crate) fn standing(&self) -> Standing {
        *self.0.lock().unwrap()
    }

    pub(crate) fn set(&self, standing: Standing) {
        *self.0.lock().unwrap() = standing;
    }
}

impl PromiseStore for Memory {
    fn load(&mut self) -> io::Result<Standing> {
        Ok(self.standing())
    }

    fn keep(&mut self, standing: &Standing) -> io::Result<()> {
        self.set(*standing);
        Ok(())
    }
}

/// Reads a replica id of 8 bytes.
pub(crate) struct JoinsAs(pub(crate) &'static str);

impl Joining for JoinsAs {
    fn command(&self) -> Bytes {
        Bytes::from_static(self.0.as_bytes())
    }

    fn replica(&self, answer: &[u8]) -> Result<ReplicaId, String> {
        let bytes = answer.try_into().map_err(|_| "no replica id".to_owned())?;
        Ok(ReplicaId::new(u64::from_be_bytes(bytes)))
    }
}

/// A broker's identity and port; its process may run or not.
pub(crate) struct Broker {
    pub(crate) settings: PeerSettings,
    pub(crate) memory: Memory,
    pub(crate) fresh: ClusterId,
}

/// A running broker.
pub(crate) struct Running {
    pub(crate) network: Arc<PeerNetwork>,
    cores: Cores,
}

/// Brokers 0 to `count`, exclusive, none of them running; their ports are free ones.
pub(crate) fn brokers(count: u32) -> Vec<Broker> {
    let ports: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let addresses: Vec<_> = ports
        .iter()
        .map(|listener| listener.local_addr().unwrap().to_string())
        .collect();
    (0..count)
        .map(|number| broker(number, count, &addresses))
        .collect()
}

pub(crate) fn broker(number: u32, initial_brokers: u32, addresses: &[String]) -> Broker {
    let mut id = [7; 16];
    id[0] = number as u8;
    let advertised_peer = addresses[number as usize].clone();
    Broker {
        settings: PeerSettings {
            cluster_name: "test".to_owned(),
            broker: BrokerId::new(number),
            disk: DiskId::from_bytes(id),
            start_counter: 1,
            epoch: model::DiskEpoch::default(),
            standing: Standing::Empty,
            initial_brokers,
            advertised_peer,
            advertised_grpc: format!("clients.of.{number}:7700"),
            seeds: Seeds::List(addresses.to_vec()),
            limits: PeerLimits {
                refused_wait: Duration::from_millis(200),
                backoff_max: Duration::from_millis(200),
                ..PeerLimits::default()
            },
            jitter_seed: number.into(),
        },
        memory: Memory::default(),
        fresh: ClusterId::from_bytes(id),
    }
}

impl Broker {
    pub(crate) fn address(&self) -> SocketAddr {
        self.settings.advertised_peer.parse().unwrap()
    }

    /// A member of a cluster that was formed by `initial_brokers`; its replica bears its number.
    pub(crate) fn is_member(&mut self, cluster: ClusterId) {
        let standing = Standing::Member(Membership {
            cluster,
            replica: ReplicaId::new(self.settings.broker.get().into()),
            initial_brokers: Some(self.settings.initial_brokers),
        });
        self.memory.set(standing);
    }

    /// Starts its process anew.
    pub(crate) fn start(&mut self) -> Running {
        self.settings.start_counter += 1;
        self.settings.standing = self.memory.standing();
        let cores = Cores::start(NonZeroUsize::MIN).unwrap();
        let listener = listen(self.address());
        let network = PeerNetwork::start(self.settings.clone(), Some(listener), &cores).unwrap();
        Running { network, cores }
    }
}

impl Running {
    pub(crate) async fn form(&self, broker: &Broker) -> Result<Membership, FormError> {
        self.form_saying(broker, "let me in").await
    }

    /// With these 8 bytes as the command that asks for a replica id.
    pub(crate) async fn form_saying(
        &self,
        broker: &Broker,
        command: &'static str,
    ) -> Result<Membership, FormError> {
        let mut memory = broker.memory.clone();
        let joins = JoinsAs(command);
        let formed = form(&self.network, &mut memory, broker.fresh, &joins);
        let formed = tokio::time::timeout(PATIENCE, formed).await;
        formed.expect("forms in time")
    }

    pub(crate) async fn stop(self) {
        self.network.shutdown().await;
        drop(self.network);
        tokio::task::spawn_blocking(move || self.cores.shutdown())
            .await
            .unwrap();
    }
}

/// An address of its own.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Connections of the last process may still linger at the address.
fn listen(address: SocketAddr) -> TcpListener {
    let began = std::time::Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) if began.elapsed() > PATIENCE => panic!("{address}: {error}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

//! The brokers of one test: started, killed, given other disks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{
    Broker, BrokerIdentity, BrokerSettings, BrokerState, CreateTopic, Formation, ProduceError,
    StartError, registered_replica, registration,
};
use bytes::Bytes;
use model::batch::Batch;
use model::{BrokerId, ClusterId, DiskEpoch, DiskId, PartitionIndex, ReplicaId};
use replication::ReplicationSettings;
use segment_log::disk::{Disk, SimulatedDisk};

use super::hearsay::Hearsay;
use crate::harness::{Around, Node, PATIENCE, eventually, name, start_among};
use crate::network::Network;

pub(super) const CLUSTER: ClusterId = ClusterId::from_bytes([0xc1; 16]);

/// One broker, running or not.
struct Member {
    disk: SimulatedDisk,
    disk_id: u8,
    start_counter: u64,
    replica: ReplicaId,
    formation: Formation,
    /// The disk as the process sees it.
    mounted: Option<Arc<dyn Disk>>,
    node: Option<Node>,
}

/// The brokers of one test.
pub(super) struct Stage {
    network: Arc<Network>,
    hearsay: Arc<Hearsay>,
    members: BTreeMap<u32, Member>,
    disks: u8,
    racks: &'static [&'static str],
}

impl Stage {
    /// A cluster that so many brokers have formed.
    pub(super) async fn of(brokers: u32) -> Self {
        Self::on_racks(brokers, &[]).await
    }

    /// The same on these racks, in turn.
    pub(super) async fn on_racks(brokers: u32, racks: &'static [&'static str]) -> Self {
        let mut stage = Self {
            network: Arc::default(),
            hearsay: Arc::default(),
            members: BTreeMap::new(),
            disks: 0,
            racks,
        };
        for broker in 0..brokers {
            let member = stage.new_member(
                ReplicaId::new(broker.into()),
                Formation::Founded {
                    cluster: CLUSTER,
                    initial_brokers: brokers,
                },
            );
            stage.members.insert(broker, member);
        }
        let all: Vec<u32> = stage.members.keys().copied().collect();
        stage.start_all(&all).await;
        stage.all_ready().await;
        stage
    }

    fn new_member(&mut self, replica: ReplicaId, formation: Formation) -> Member {
        self.disks += 1;
        Member {
            disk: SimulatedDisk::new(self.disks.into()),
            disk_id: self.disks,
            start_counter: 0,
            replica,
            formation,
            mounted: None,
            node: None,
        }
    }

    fn identity(&self, broker: u32) -> BrokerIdentity {
        let member = &self.members[&broker];
        let rack = self.racks.iter().cycle().nth(broker as usize);
        BrokerIdentity {
            broker: BrokerId::new(broker),
            disk: DiskId::from_bytes([member.disk_id; 16]),
            start_counter: member.start_counter,
            epoch: DiskEpoch {
                number: member.start_counter,
                nonce: member.start_counter,
            },
            grpc_address: format!("broker-{broker}:7700"),
            peer_address: format!("broker-{broker}:7701"),
            rack: rack.map(|rack| (*rack).to_owned()),
        }
    }

    /// Starts several at the same time: none waits for another in vain.
    pub(super) async fn start_all(&mut self, brokers: &[u32]) {
        let starts: Vec<_> = brokers
            .iter()
            .map(|broker| {
                self.mount(*broker);
                self.starting(*broker)
            })
            .collect();
        let started = futures_util::future::join_all(starts).await;
        for (broker, node) in brokers.iter().zip(started) {
            self.members.get_mut(broker).unwrap().node = Some(node.expect("starts"));
        }
    }

    pub(super) async fn start(&mut self, broker: u32) {
        self.start_all(&[broker]).await;
    }

    pub(super) async fn try_start(&mut self, broker: u32) -> Result<(), StartError> {
        self.mount(broker);
        let node = self.starting(broker).await?;
        self.members.get_mut(&broker).unwrap().node = Some(node);
        Ok(())
    }

    fn mount(&mut self, broker: u32) {
        let member = self.members.get_mut(&broker).unwrap();
        member.start_counter += 1;
        member.mounted = Some(member.disk.mount());
    }

    fn starting(&self, broker: u32) -> impl Future<Output = Result<Node, StartError>> + use<> {
        let member = &self.members[&broker];
        let settings = BrokerSettings {
            formation: member.formation,
            retention_interval: Duration::from_secs(3600),
            leader_balance_after: Duration::from_millis(500),
            shutdown_wait_max: Duration::from_secs(2),
            ..BrokerSettings::new(self.identity(broker))
        };
        self.hearsay.set_gone(BrokerId::new(broker), false);
        let around = Around {
            groups: ReplicationSettings::new(member.replica),
            peers: self.network.of(member.replica),
            neighbours: self.hearsay.of(BrokerId::new(broker)),
        };
        start_among(member.mounted.clone().unwrap(), settings, around)
    }

    /// A broker that comes later, or an old one on a new disk, asks for its replica id and starts.
    pub(super) async fn join(&mut self, broker: u32) {
        let member = self.new_member(
            ReplicaId::new(u64::MAX),
            Formation::Joined { cluster: CLUSTER },
        );
        self.members.insert(broker, member);
        let command = registration(&self.identity(broker), None).unwrap();
        let via = *self.running().first().expect("somebody runs");
        // As the way between brokers does: through the metadata, wherever it is led.
        let mut answer = Bytes::new();
        eventually("the metadata is led", async || {
            let proposed = self.broker(via).propose_for_another(command.clone()).await;
            let is_taken = proposed.is_ok();
            answer = proposed.unwrap_or_default();
            is_taken
        })
        .await;
        let replica = registered_replica(&answer).unwrap();
        self.members.get_mut(&broker).unwrap().replica = replica;
        self.start(broker).await;
    }

    pub(super) fn running(&self) -> Vec<u32> {
        let running = self.members.iter().filter(|(_, one)| one.node.is_some());
        running.map(|(broker, _)| *broker).collect()
    }

    pub(super) fn node(&self, broker: u32) -> &Node {
        self.members[&broker].node.as_ref().expect("runs")
    }

    pub(super) fn broker(&self, broker: u32) -> &Arc<Broker> {
        &self.node(broker).broker
    }

    pub(super) fn replica(&self, broker: u32) -> u64 {
        self.members[&broker].replica.get()
    }

    /// Stops a broker in good order.
    pub(super) async fn stop(&mut self, broker: u32) {
        let node = self.members.get_mut(&broker).unwrap().node.take();
        node.expect("runs").stop().await;
        self.hearsay.set_gone(BrokerId::new(broker), true);
    }

    /// The process is gone from one moment to the next, and with it what was not synced.
    pub(super) async fn cut_power(&mut self, broker: u32) {
        self.vanish(broker, SimulatedDisk::crash).await;
    }

    /// The process is gone from one moment to the next.
    pub(super) async fn kill(&mut self, broker: u32) {
        self.vanish(broker, SimulatedDisk::kill).await;
    }

    async fn vanish(&mut self, broker: u32, end: impl FnOnce(&SimulatedDisk)) {
        self.cut_off(broker);
        self.hearsay.set_gone(BrokerId::new(broker), true);
        let member = self.members.get_mut(&broker).unwrap();
        end(&member.disk);
        member.node.take().expect("runs").stop().await;
        self.network.heal();
    }

    /// Cuts a broker off from all others, which are there all the same.
    pub(super) fn cut_off(&self, broker: u32) {
        let here = self.replica(broker);
        let others = self.members.values().map(|one| one.replica.get());
        others.for_each(|other| self.network.cut(here, other));
    }

    /// Whether a broker has any file of a partition of this topic.
    pub(super) fn has_files(&self, broker: u32, topic: &str) -> bool {
        let via = *self.running().first().unwrap();
        let id = self.broker(via).topic(&name(topic)).unwrap().id.unwrap();
        self.has_path(broker, &format!("partitions/{id}/0"))
    }

    pub(super) fn has_path(&self, broker: u32, path: &str) -> bool {
        let disk = self.members[&broker].mounted.as_ref().expect("has run");
        disk.exists(std::path::Path::new(path)).unwrap()
    }

    /// The segment files of partition 0 of a topic on a broker's disk, ascending, with their bytes.
    pub(super) fn segments(&self, broker: u32, topic: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let id = self.broker(broker).topic(&name(topic)).unwrap().id.unwrap();
        let directory = std::path::PathBuf::from(format!("partitions/{id}/0"));
        let disk = self.members[&broker].disk.mount();
        let listed = disk.list(&directory).unwrap().into_iter();
        let files = listed.filter(|entry| entry.name.ends_with(".log"));
        let read = |file: std::path::PathBuf| {
            let bytes = segment_log::disk::read_small_file(&*disk, &file, 1 << 24);
            (file, bytes.unwrap().unwrap_or_default())
        };
        files
            .map(|entry| read(directory.join(entry.name)))
            .collect()
    }

    pub(super) fn flip_bit(&self, broker: u32, file: &std::path::Path, byte: u64) {
        let disk = &self.members[&broker].disk;
        disk.flip_bit(file, byte, 3).unwrap();
    }

    pub(super) async fn all_ready(&self) {
        for broker in self.running() {
            let readiness = || self.broker(broker).readiness();
            let waiting = async {
                while !readiness().is_ready() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let waited = tokio::time::timeout(PATIENCE, waiting).await;
            assert!(waited.is_ok(), "broker {broker}: {:?}", readiness());
        }
    }

    pub(super) async fn create(&self, via: u32, topic: &str, partitions: u32, replicas: u16) {
        let wanted = CreateTopic {
            name: name(topic),
            partitions: Some(partitions),
            replication_factor: Some(replicas),
            configs: BTreeMap::new(),
            validate_only: false,
        };
        self.broker(via)
            .create_topic(wanted)
            .await
            .expect("created");
        self.all_ready().await;
    }

    /// The running broker that serves partition 0 of a topic.
    pub(super) async fn leader(&self, topic: &str) -> u32 {
        self.leader_of(topic, 0).await
    }

    pub(super) async fn leader_of(&self, topic: &str, partition: u32) -> u32 {
        let leads = |broker: &u32| {
            let described = self.broker(*broker).topic(&name(topic)).ok()?;
            let partition = &described.partitions[partition as usize];
            (partition.leader == Some(BrokerId::new(*broker)) && !partition.in_sync.is_empty())
                .then_some(partition.term)
        };
        let find = || {
            let running = self.running().into_iter();
            let leading = running.filter_map(|broker| Some((leads(&broker)?, broker)));
            leading.max().map(|(_, broker)| broker)
        };
        eventually("somebody leads", async || find().is_some()).await;
        find().unwrap()
    }

    /// Produces wherever partition 0 is led, again until it is acknowledged. Without sequence numbers: a batch whose
    /// outcome is unknown may be there twice.
    pub(super) async fn produce(&self, topic: &str, batch: Batch) {
        let tries = async {
            loop {
                let leader = self.leader(topic).await;
                match self.node(leader).produce(topic, batch.clone()).await {
                    Ok(_) => return,
                    Err(error) => println!("not produced yet: {error}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, tries)
            .await
            .expect("is acknowledged");
    }

    /// Produces values one by one, wherever partition 0 is led. Leadership may move meanwhile; what came of a batch is
    /// looked up where that is unknown.
    pub(super) async fn produce_values(&self, topic: &str, values: Vec<String>) {
        let tries = async {
            for value in values {
                loop {
                    let leader = self.leader(topic).await;
                    let batch = crate::harness::batch(&[&value]);
                    match self.node(leader).produce(topic, batch).await {
                        Ok(_) => break,
                        Err(ProduceError::OutcomeUnknown { .. }) => {
                            if self.values(topic).await.contains(&value) {
                                break;
                            }
                        }
                        Err(error) => println!("not produced yet: {error}"),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        let tried = tokio::time::timeout(PATIENCE, tries).await;
        tried.expect("all are acknowledged");
    }

    /// Every value of partition 0, as its leader has them.
    pub(super) async fn values(&self, topic: &str) -> Vec<String> {
        let tries = async {
            loop {
                let leader = self.leader(topic).await;
                match self.node(leader).try_values(topic).await {
                    Ok(values) => return values,
                    Err(error) => println!("not read yet: {error}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let tried = tokio::time::timeout(PATIENCE, tries);
        tried.await.expect("somebody serves")
    }

    /// Waits until all running brokers see this state of a broker.
    pub(super) async fn sees(&self, broker: u32, state: BrokerState) {
        for via in self.running() {
            let what = format!("broker {via} sees broker {broker} {state}");
            let is_so = || {
                let described = self.broker(via).describe_cluster();
                let known = described.brokers.iter().find(|b| b.id.get() == broker);
                known.is_some_and(|known| known.state == state)
            };
            eventually(&what, async || is_so()).await;
        }
    }

    /// The brokers of a partition as its description has them.
    pub(super) fn replicas(&self, via: u32, topic: &str, partition: u32) -> Vec<u32> {
        let described = self.broker(via).topic(&name(topic)).unwrap();
        let replicas = &described.partitions[partition as usize].replicas;
        replicas.iter().map(|broker| broker.get()).collect()
    }

    /// Waits until no partition moves.
    pub(super) async fn settled(&self) {
        for via in self.running() {
            let what = format!("broker {via} sees nothing move");
            eventually(&what, async || self.broker(via).moves(None).is_empty()).await;
        }
    }
}

pub(super) fn partition(number: u32) -> PartitionIndex {
    PartitionIndex::new(number)
}

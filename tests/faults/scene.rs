//! What a fault finds: brokers under load, and the chance that chooses among them.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use strandline_tests::chance::Chance;
use strandline_tests::harness::{Cluster, eventually};
use strandline_tests::load::{PARTITIONS, Stage};
use tokio::runtime::Handle;

use crate::ground::Ground;
use crate::trial::BROKERS;

/// The topic under load.
pub(crate) const TOPIC: &str = "under-load";

/// Some hundred batches a second in all.
const PACE: Duration = Duration::from_millis(10);

/// Damage of finished segments is looked for all the time.
const FLAGS: [&str; 1] = ["--scrub-interval=1s"];

/// Brokers of which three belong to the cluster.
pub(crate) struct Scene<'a> {
    pub(crate) cluster: Cluster,
    pub(crate) ground: &'a Ground,
    pub(crate) stage: Stage,
    pub(crate) chance: Chance,
    members: BTreeSet<u32>,
    runtime: Handle,
}

impl<'a> Scene<'a> {
    /// Brokers that run, and a topic on them.
    #[track_caller]
    pub(crate) fn set(ground: &'a Ground, config: &[&str], runtime: Handle) -> Self {
        let chance = Chance::seeded();
        let mut places = ground.places();
        let spare = places.split_off(BROKERS as usize);
        let mut cluster = Cluster::start_at(places, &FLAGS);
        for place in spare {
            cluster.add_at(place);
        }
        let members: BTreeSet<_> = (0..BROKERS).collect();
        let addresses = members.iter().map(|id| cluster.grpc(*id)).collect();
        let stage = Stage::new(TOPIC.to_owned(), addresses).at_pace(PACE);
        // Small segments: faults also hit rolling.
        let config = [&["segment.bytes=65536"], config].concat();
        let created = cluster.create_topic(TOPIC, PARTITIONS, BROKERS, &config);
        created.ok();
        Self {
            cluster,
            ground,
            stage,
            chance,
            members,
            runtime,
        }
    }

    /// The brokers that belong to the cluster.
    pub(crate) fn members(&self) -> Vec<u32> {
        self.members.iter().copied().collect()
    }

    /// One of them.
    pub(crate) fn any(&mut self) -> u32 {
        let members = self.members();
        members[self.chance.below(members.len() as u64) as usize]
    }

    /// All but one of them.
    pub(crate) fn others(&self, than: u32) -> Vec<u32> {
        let mut others = self.members();
        others.retain(|id| *id != than);
        others
    }

    /// All of them, beginning with any.
    pub(crate) fn shuffled(&mut self) -> Vec<u32> {
        let mut members = self.members();
        let first = self.chance.below(members.len() as u64) as usize;
        members.rotate_left(first);
        members
    }

    /// The broker that does not belong to the cluster.
    pub(crate) fn spare(&self) -> u32 {
        let mut ids = self.cluster.ids().into_iter();
        let spare = ids.find(|id| !self.members.contains(id));
        spare.expect("there are more places than members")
    }

    /// One broker has left, another one has come.
    pub(crate) fn swap(&mut self, gone: u32, come: u32) {
        self.members.remove(&gone);
        self.members.insert(come);
        self.tell_addresses();
    }

    /// Clients find the members where they are now.
    pub(crate) fn tell_addresses(&self) {
        let address = |id: &u32| self.cluster.grpc(*id);
        self.stage
            .moved_to(self.members.iter().map(address).collect());
    }

    /// Lets some time go by.
    pub(crate) fn pause(&mut self, least: Duration, end: Duration) {
        sleep(self.chance.duration(least, end));
    }

    /// SIGTERM, which must end a broker well.
    #[track_caller]
    pub(crate) fn stop(&mut self, id: u32) {
        assert_eq!(self.cluster.terminate(id).code, Some(0), "broker {id}");
    }

    /// Waits until so many further batches are acknowledged.
    pub(crate) fn acknowledgements(&self, more: u64) {
        self.runtime.block_on(self.stage.acknowledgements(more));
    }

    /// A broker as `strand cluster describe` shows it.
    #[track_caller]
    pub(crate) fn described(&self, id: u32) -> Value {
        let described = self.cluster.describe();
        let mut brokers = described["brokers"].as_array().into_iter().flatten();
        let found = brokers.find(|broker| broker["id"] == id).cloned();
        found.unwrap_or_else(|| panic!("broker {id} is not in {described}"))
    }

    /// Waits until every member is ready and every partition has all its replicas in sync, on members only.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        for id in self.members() {
            self.cluster.await_ready(id);
        }
        eventually("all replicas in sync", || {
            let topic = self.cluster.strand(&["topic", "describe", TOPIC, "--json"]);
            if topic.code != 0 {
                return None;
            }
            let topic = topic.json();
            let whole = |partition: &Value| {
                let ids = |name: &str| -> BTreeSet<u32> {
                    let listed = partition[name].as_array().into_iter().flatten();
                    listed
                        .filter_map(|id| id.as_u64().map(|id| id as u32))
                        .collect()
                };
                ids("in_sync") == self.members
                    && ids("replicas") == self.members
                    && ids("removing").is_empty()
            };
            let all = topic["partitions"].as_array()?.iter().all(whole);
            all.then_some(())
        });
    }
}

//! openraft's own conformance suite.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use segment_log::LogSettings;
use segment_log::disk::{Disk, RealDisk, SimulatedDisk};

use super::super::log_store::LogStore;
use super::super::machine::Partition;
use super::super::state_machine::StateMachine;
use super::super::types::Types;
use super::harness::open;

/// What must live as long as the store.
type Guard = Box<dyn std::any::Any + Send + Sync>;

/// Makes a new disk for each test.
struct Builder(fn() -> (Arc<dyn Disk>, Guard));

impl StoreBuilder<Types, LogStore<Partition>, StateMachine<Partition>, Guard> for Builder {
    async fn build(
        &self,
    ) -> Result<(Guard, LogStore<Partition>, StateMachine<Partition>), StorageError<Types>> {
        let (disk, guard) = (self.0)();
        let store = open(disk, 1, LogSettings::default());
        let guard = Box::new((guard, store.directory));
        Ok((guard, store.log, store.machine))
    }
}

fn on_real_files() -> (Arc<dyn Disk>, Guard) {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(directory.path()));
    (disk, Box::new(directory))
}

fn on_the_simulated_disk() -> (Arc<dyn Disk>, Guard) {
    (SimulatedDisk::new(1).mount(), Box::new(()))
}

#[tokio::test]
async fn the_store_on_real_files_passes_openrafts_suite() {
    Suite::test_all(Builder(on_real_files)).await.unwrap();
}

#[tokio::test]
async fn the_store_on_the_simulated_disk_passes_openrafts_suite() {
    Suite::test_all(Builder(on_the_simulated_disk))
        .await
        .unwrap();
}

//! What brokers stand on: disks whose power can be cut, hosts that can be cut off, or just this machine.

use strandline_tests::harness::{LoopDisk, Network, Place};

use crate::fault::Fault;

/// Three brokers, and one more that may come.
pub(crate) const PLACES: u32 = 4;

const MEBIBYTES: u64 = 512;

/// A place for each broker.
pub(crate) struct Ground {
    disks: Vec<LoopDisk>,
    network: Option<Network>,
}

impl Ground {
    /// What these faults need. `None` in the process that only waits for the one within the test's network.
    ///
    /// # Errors
    /// What the machine lacks.
    #[track_caller]
    pub(crate) fn of(test: &str, faults: &[Fault]) -> Result<Option<Self>, String> {
        let mut network = None;
        if faults.iter().any(|fault| fault.needs_network()) {
            network = Network::inside(test, PLACES)?;
            if network.is_none() {
                return Ok(None);
            }
        }
        let disks = match faults.iter().any(|fault| fault.needs_disks()) {
            true => (0..PLACES).map(|_| LoopDisk::make(MEBIBYTES)).collect(),
            false => Ok(Vec::new()),
        };
        let disks = disks?;
        Ok(Some(Self { disks, network }))
    }

    /// Where each broker stands.
    pub(crate) fn places(&self) -> Vec<Place> {
        (0..PLACES).map(|id| self.place(id)).collect()
    }

    fn place(&self, id: u32) -> Place {
        let disk = self.disks.get(id as usize);
        let network = self.network.as_ref();
        Place {
            data: disk.map(|disk| disk.path().join("data")),
            host: network.map(|network| network.address(id)),
            under: network.map_or(Vec::new(), |network| network.run_on(id)),
        }
    }

    /// A broker's disk.
    pub(crate) fn disk(&self, id: u32) -> &LoopDisk {
        self.disks.get(id as usize).expect("a disk for each broker")
    }

    /// What lies between them.
    pub(crate) fn network(&self) -> &Network {
        self.network.as_ref().expect("a network between brokers")
    }
}

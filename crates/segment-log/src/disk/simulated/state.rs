//! What all handles of one simulated disk share: the tree, the scripted faults, and which epoch lives.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::chance::Chance;
use super::names::Names;

pub(super) struct State {
    pub(super) names: Names,
    pub(super) chance: Chance,
    /// Grows with every crash and kill; handles of an earlier one are dead.
    pub(super) epoch: u64,
    /// Grows with every crash: what was written before is there only as far as it was synced.
    pub(super) boot: u64,
    /// Mutating operations so far, failed ones included.
    pub(super) operations: u64,
    pub(super) capacity: Option<u64>,
    /// Ends of paths whose next sync fails.
    pub(super) failing_syncs: Vec<String>,
    /// Mutating operations left until the one that fails.
    pub(super) operations_left: Option<u64>,
    /// The last operation of this epoch is being done or was done.
    pub(super) is_dying: bool,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            names: Names::new(),
            chance: Chance::new(seed),
            epoch: 0,
            boot: 0,
            operations: 0,
            capacity: None,
            failing_syncs: Vec::new(),
            operations_left: None,
            is_dying: false,
        }
    }

    /// `EIO` for a handle of an earlier epoch, and after the scripted last operation.
    pub(super) fn check_alive(&self, epoch: u64) -> io::Result<()> {
        if epoch == self.epoch && !self.is_dying {
            Ok(())
        } else {
            Err(Errno::IO.into())
        }
    }

    /// Counts and does one mutating operation. The scripted last one fails, and may have been done all the
    /// same: so it is with the call during which the power goes.
    pub(super) fn mutate<T>(
        &mut self,
        epoch: u64,
        act: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        self.check_alive(epoch)?;
        self.operations += 1;
        let is_last = match &mut self.operations_left {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        };
        if !is_last {
            return act(self);
        }
        self.is_dying = true;
        if self.chance.coin() {
            // Whether it worked stays unknown to the caller.
            let _ = act(self);
        }
        Err(Errno::IO.into())
    }

    /// Whether the next sync of this path is scripted to fail; it then no longer is.
    pub(super) fn take_failing_sync(&mut self, path: &Path) -> bool {
        let path = path.to_string_lossy();
        let found = self
            .failing_syncs
            .iter()
            .position(|suffix| path.ends_with(suffix.as_str()));
        found.map(|at| self.failing_syncs.remove(at)).is_some()
    }

    /// Bytes that may still be written, where the disk has a limit.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let capacity = self.capacity?;
        Some(capacity.saturating_sub(self.names.used_bytes()))
    }

    /// The next epoch begins: old handles are dead, what was scripted against the old process is forgotten.
    pub(super) fn reboot(&mut self) -> u64 {
        self.epoch += 1;
        self.is_dying = false;
        self.operations_left = None;
        self.failing_syncs.clear();
        self.epoch
    }
}

//! Which log groups have files on this data directory, open or not.

use std::io;
use std::path::Path;

use model::{PartitionIndex, TopicId};

use crate::replication::{Replication, state_path};

const PARTITIONS: &str = "partitions";

impl Replication {
    /// Whether a state group has files, open or not. Blocks.
    ///
    /// # Errors
    /// The disk refused.
    pub fn has_state_group(&self, name: &str) -> io::Result<bool> {
        self.directory().disk().exists(&state_path(name))
    }

    /// Every group with a directory `partitions/<topic id>/<partition>`, ascending; other names are passed over.
    /// Blocks.
    ///
    /// # Errors
    /// The disk refused.
    pub fn stored_log_groups(&self) -> io::Result<Vec<(TopicId, PartitionIndex)>> {
        let disk = self.directory().disk();
        let root = Path::new(PARTITIONS);
        let mut found = Vec::new();
        if !disk.exists(root)? {
            return Ok(found);
        }
        for topic in disk.list(root)? {
            let Ok(id) = topic.name.parse::<TopicId>() else {
                continue;
            };
            for partition in disk.list(&root.join(&topic.name))? {
                if let Ok(number) = partition.name.parse::<u32>() {
                    found.push((id, PartitionIndex::new(number)));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

//! The door of a replica that repairs itself: it answers reads of what is sound, and nothing else.

use std::sync::Arc;

use model::ReplicaId;
use parking_lot::Mutex;
use segment_log::LogRepair;

use super::serve::ENTRIES_BYTES_MAX;
use super::wire::{Ask, Entries, Snapshot};
use crate::peer::{GroupInbox, PeerRequest, ReplySlot, RequestKind};
use crate::process;

/// Lets reads in. `None` once the repair has ended.
pub(super) struct Door {
    pub(super) repair: Arc<Mutex<Option<LogRepair>>>,
    pub(super) home: tokio::runtime::Handle,
}

impl GroupInbox for Door {
    fn deliver(&self, _from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        let ask = match request.kind {
            RequestKind::ReadEntries => Ask::decode(&request.head),
            _ => return reply.refuse("this replica is damaged, and stopped until it is repaired"),
        };
        let (first, end) = match ask {
            Some(Ask::Entries { first, end }) => (first, end),
            Some(Ask::Snapshot) => return self.answer_snapshot(reply),
            Some(Ask::Standing | Ask::Holdings) | None => {
                return reply.refuse("this replica is damaged, and says nothing of the group");
            }
        };
        let repair = self.repair.clone();
        process::spawn_on(&self.home, async move {
            let read = process::blocking(move || {
                let mut repair = repair.lock();
                repair
                    .as_mut()
                    .map(|repair| repair.read_entries(first..end, ENTRIES_BYTES_MAX))
            });
            match read.await {
                Ok(Some(Ok(read))) if !read.is_empty() => {
                    let batches = read.into_iter().map(|(_, batch)| batch).collect();
                    reply.answer(Entries { first, batches }.encode());
                }
                Ok(Some(Err(error))) => reply.refuse(error.to_string()),
                _ => reply.refuse(format!("entry {first} is not here")),
            }
        });
    }
}

impl Door {
    /// The snapshot that is stored may be used by others, also while entries behind it are missing here.
    fn answer_snapshot(&self, reply: ReplySlot) {
        let repair = self.repair.clone();
        process::spawn_on(&self.home, async move {
            let read = process::blocking(move || {
                let repair = repair.lock();
                let sound = repair
                    .as_ref()
                    .filter(|repair| repair.lost_snapshot().is_none());
                sound.and_then(|repair| repair.read_snapshot().ok().flatten())
            });
            match read.await {
                Ok(Some(bytes)) => reply.answer(Snapshot(bytes).encode()),
                _ => reply.refuse("no snapshot is here"),
            }
        });
    }
}

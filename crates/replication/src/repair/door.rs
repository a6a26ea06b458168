//! The door of a replica that repairs itself: it answers reads of what is sound, and nothing else.

use std::sync::Arc;

use model::ReplicaId;
use parking_lot::Mutex;
use segment_log::LogRepair;

use super::serve::ENTRIES_BYTES_MAX;
use super::wire::{Ask, Entries};
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
        let Some(Ask::Entries { first, end }) = ask else {
            return reply.refuse("this replica is damaged, and says nothing of the group");
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

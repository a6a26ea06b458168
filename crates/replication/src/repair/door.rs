//! The door of a replica that repairs itself: it answers reads of what is sound, and nothing else.

use model::{LogIndex, ReplicaId};

use super::serve::ENTRIES_BYTES_MAX;
use super::task::UnderRepair;
use super::wire::{Ask, Entries, Snapshot};
use crate::peer::{GroupInbox, PeerReply, PeerRequest, ReplySlot, RequestKind};
use crate::process;

/// Lets reads in.
pub(super) struct Door {
    pub(super) repair: UnderRepair,
    pub(super) home: tokio::runtime::Handle,
}

impl GroupInbox for Door {
    fn deliver(&self, _from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        let ask = match request.kind {
            RequestKind::ReadEntries => Ask::decode(&request.head),
            _ => return reply.refuse("this replica is damaged, and stopped until it is repaired"),
        };
        let repair = self.repair.clone();
        process::spawn_on(&self.home, async move {
            reply.settle(match ask {
                Some(Ask::Entries { first, end }) => entries(repair, first, end).await,
                Some(Ask::Snapshot) => snapshot(repair).await,
                Some(Ask::Standing | Ask::Holdings) | None => {
                    Err("this replica is damaged, and says nothing of the group".to_owned())
                }
            });
        });
    }
}

async fn entries(repair: UnderRepair, first: LogIndex, end: LogIndex) -> Result<PeerReply, String> {
    let read = process::blocking(move || {
        let mut repair = repair.lock();
        repair
            .as_mut()
            .map(|repair| repair.read_entries(first..end, ENTRIES_BYTES_MAX))
    });
    match read.await {
        Ok(Some(Ok(read))) if !read.is_empty() => {
            let batches = read.into_iter().map(|(_, batch)| batch).collect();
            Ok(Entries { first, batches }.encode())
        }
        Ok(Some(Err(error))) => Err(error.to_string()),
        _ => Err(format!("entry {first} is not here")),
    }
}

/// The snapshot that is stored may be used by others, also while entries behind it are missing here.
async fn snapshot(repair: UnderRepair) -> Result<PeerReply, String> {
    let read = process::blocking(move || {
        let repair = repair.lock();
        let sound = repair
            .as_ref()
            .filter(|repair| repair.lost_snapshot().is_none());
        sound.and_then(|repair| repair.read_snapshot().ok().flatten())
    });
    match read.await {
        Ok(Some(bytes)) => Ok(Snapshot(bytes).encode()),
        _ => Err("no snapshot is here".to_owned()),
    }
}

//! The door of a replica in doubt: it answers reads of what it holds, and nothing else.

use model::ReplicaId;
use segment_log::Log;

use crate::peer::{GroupInbox, PeerRequest, ReplySlot, RequestKind};
use crate::process;
use crate::repair::serve;
use crate::repair::wire::Ask;

/// Lets reads in.
pub(super) struct Door {
    pub(super) log: Log,
    pub(super) home: tokio::runtime::Handle,
}

impl GroupInbox for Door {
    fn deliver(&self, _from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        let ask = match request.kind {
            RequestKind::ReadEntries => Ask::decode(&request.head),
            _ => return reply.refuse("this replica may have forgotten what it acknowledged, and is stopped until a leader has given it back"),
        };
        let log = self.log.clone();
        process::spawn_on(&self.home, async move {
            reply.settle(match ask {
                Some(Ask::Entries { first, end }) => serve::entries(log, first, end).await,
                Some(Ask::Holdings) => serve::holdings(log).await,
                Some(Ask::Snapshot) => serve::snapshot(log).await,
                Some(Ask::Standing) => Err("this replica is in doubt itself".to_owned()),
                None => Err("the question makes no sense".to_owned()),
            });
        });
    }
}

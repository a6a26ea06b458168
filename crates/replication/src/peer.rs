//! The way between brokers: requests from one group's replica to another's, and what brokers tell each other.
//!
//! [`Peers`] is the seam that Raft's groups stand on: one real implementation, one simulated, one conformance suite.
//! It carries bytes; what they mean is the groups' business.
//!
//! ```text
//! group ──call──▶ Peers ══ one queue per peer, bounded in bytes ══▶ Peers ──deliver──▶ GroupInbox
//!       ◀─────────────────────── reply, in any order ───────────────────── ReplySlot ──┘
//! ```

mod accept;
mod address_book;
mod call_error;
#[doc(hidden)]
pub mod conformance;
mod dial;
pub mod forming;
mod group_id;
mod hello;
mod inboxes;
mod leader_table;
mod link;
mod network;
mod no_peers;
mod outbox;
mod queue;
mod replies;
mod reply_slot;
mod request;
mod roster;
mod scout;
mod seam;
mod settings;
mod standing;
mod stats;
mod strangers;
mod stream;
mod wire;

pub use address_book::{AddressBook, RegisteredBroker};
pub use call_error::CallError;
pub use forming::{FormError, Joining, announce, form};
pub use group_id::GroupId;
pub use hello::{Hello, PeerPolicy};
pub use inboxes::Inboxes;
pub use leader_table::{BrokerNumbers, LeaderTable, Leadership, ToldLeadership};
pub use network::PeerNetwork;
pub use no_peers::NoPeers;
pub use reply_slot::{Answered, ReplySlot};
pub use request::{PeerReply, PeerRequest, RequestKind};
pub use roster::KnownPeer;
pub use seam::{Called, GroupInbox, Peers, Registration, Replied};
pub use settings::{PeerLimits, PeerSettings, Seeds};
pub use standing::{Membership, Promise, PromiseStore, Standing};
pub use stats::PeerStats;

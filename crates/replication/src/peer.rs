//! The way between brokers: requests from one group's replica to another's, and what brokers tell each other.
//!
//! [`Peers`] is the seam that Raft's groups stand on: one real implementation, one simulated, one conformance suite.
//! It carries bytes; what they mean is the groups' business.
//!
//! ```text
//! group ──call──▶ Peers ══ one queue per peer, bounded in bytes ══▶ Peers ──deliver──▶ GroupInbox
//!       ◀─────────────────────── reply, in any order ───────────────────── ReplySlot ──┘
//! ```

mod call_error;
mod group_id;
mod no_peers;
mod reply_slot;
mod request;
mod seam;

pub use call_error::CallError;
pub use group_id::GroupId;
pub use no_peers::NoPeers;
pub use reply_slot::{Answered, ReplySlot};
pub use request::{PeerReply, PeerRequest, RequestKind};
pub use seam::{Called, GroupInbox, Peers, Registration, Replied};

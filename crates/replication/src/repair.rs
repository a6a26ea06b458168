//! A damaged replica: it stays stopped while its missing entries are copied from other replicas.
//!
//! It votes for nobody and acknowledges nothing, and what it was told to hold it still holds. Entries are copied from
//! any replica that has the same index and term, also from one that is damaged elsewhere and being repaired itself.
//! Only a leader that a quorum confirms may say more: that the committed log has another term at a missing index
//! (then the log is cut from there), or that the entries are gone below its snapshot (then that is taken). A snapshot
//! that is lost here is replaced by its, or, where nobody leads, by that of any replica that reaches far enough.
//! Where the device refuses some of the last segment nobody knows how far the log went: then there must be copies up to
//! that leader's end, for the reasons that readmission goes by ([`doubt`](crate::doubt)), and its term is voted in.
//!
//! ```text
//! Replication ─ task ── opens the log for repair, and again and again: pass ── asks others ─ ask
//!                 └──── door: answers others' reads of what is sound        Group ─ serve ── answers them too
//! ```

pub(crate) mod ask;
mod door;
mod pass;
pub(crate) mod serve;
mod task;
pub(crate) mod wire;

pub use ask::OtherReplicas;
pub(crate) use task::{RepairTask, Repairing};

/// For the fuzz targets: how many kinds of message the bytes are.
pub(crate) fn sound(bytes: &[u8]) -> usize {
    wire::sound(bytes)
}

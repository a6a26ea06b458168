//! Raft groups over the segment log: log store, state machines, snapshots, peer transport.
//!
//! It knows logs, offsets, terms and members. It knows neither topics' names nor clients nor protocols.
//! The only crate that names openraft; nothing of openraft is in its public interface.
//!
//! ```text
//! Replication ── one per data directory: votes, cores, groups
//!   ├─ LogGroup ───── a partition: its segment files are its Raft log
//!   └─ StateGroup<M>  a state machine in memory, rebuilt from a snapshot and the log behind it
//!        └─ raft ──── what openraft sees of them
//! ```

mod answer;
mod cores;
mod doubt;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod inbox;
mod keeper;
mod log_group;
mod members;
pub mod peer;
pub mod process;
mod producers;
mod raft;
mod repair;
mod replication;
mod settings;
mod stand_in;
mod state_group;
mod status;
mod stored_groups;

pub use answer::{AnswerSink, ProduceOutcome, ProduceRefusal};
pub use cores::Cores;
pub use error::{
    OpenGroupError, OpenReplicationError, ProposeError, ReadIndexError, ReconfigureError,
    RemoveGroupError, TransferError,
};
pub use log_group::LogGroup;
pub use members::{Follower, GroupStart, Members, Reconfigured};
pub use repair::OtherReplicas;
pub use replication::Replication;
pub use settings::ReplicationSettings;
pub use state_group::{StateGroup, StateMachine};
pub use status::{GroupEnds, GroupStatus};

// What the groups' interface speaks of: who uses it need not name the log's crate.
pub use segment_log::{
    Fetched, Log, LogSettings, NoSpace, OpenLogError, ReadFromError, ReadLogError, SegmentDamage,
    SegmentInfo, SyncFailed,
};

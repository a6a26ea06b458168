//! The words of Strandline: positions, ids, names, the record batch format, limits and the clock.
//!
//! Every other crate may use these types; this one knows no I/O, no async, no configuration and no
//! protocol. The stored form of records is Kafka's RecordBatch v2, byte for byte; [`batch`] holds it.

pub mod batch;
pub mod clock;
pub mod disk_epoch;
pub mod durability;
pub mod id;
pub mod limits;
pub mod name;
pub mod partitioner;
pub mod position;
pub mod spelling;
pub mod timestamp;

pub use clock::{Clock, SystemClock};
pub use disk_epoch::DiskEpoch;
pub use durability::{Acks, Durability};
pub use id::{BrokerId, ClusterId, DiskId, PartitionIndex, ProducerId, ReplicaId, TopicId};
pub use name::{NameError, TopicName};
pub use position::{FilePosition, LogId, LogIndex, Offset, Term};
pub use timestamp::{Timestamp, TimestampType};

//! What can be asked of the cluster.

mod change;
mod describe;
pub(crate) mod leaders;
mod lost;
mod moves;
mod transfer;

pub use change::{PartitionWish, Rebalanced};
pub(crate) use describe::should_be_in_sync;
pub use describe::{BrokerDescription, ClusterDescription};
pub use moves::{LeaderMove, Move, MoveState};

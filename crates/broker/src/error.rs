//! What can go wrong, one enum per operation, with the numbers. No protocol's codes here.

mod not_joined;
mod partition;
mod produce;
mod read;
mod records;
mod start;
mod topic;
mod transfer;

pub use not_joined::NotJoined;
pub use partition::PartitionError;
pub use produce::ProduceError;
pub use read::{FetchError, ListOffsetsError};
pub use records::DeleteRecordsError;
pub use start::{RegistrationError, StartError};
pub use topic::{ChangeError, InitProducerError};
pub use transfer::TransferLeadershipError;

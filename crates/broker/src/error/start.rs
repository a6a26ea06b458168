//! Why a broker does not start.

use thiserror::Error;

use super::ChangeError;

/// Why a broker does not start. A damaged partition is no reason.
#[derive(Debug, Error)]
pub enum StartError {
    /// The metadata group cannot be opened.
    #[error("the cluster's metadata cannot be opened: {reason}")]
    Metadata {
        /// What failed.
        reason: String,
    },
    /// The cluster did not form.
    #[error("the cluster cannot form: {0}")]
    Form(#[source] ChangeError),
    /// The cluster does not take this broker.
    #[error("broker cannot register with its cluster: {0}")]
    Register(#[source] ChangeError),
    /// More brokers than can form a cluster now.
    #[error("a cluster of {wanted} brokers cannot form yet; use 1")]
    NotYet {
        /// How many were asked for.
        wanted: u32,
    },
    /// This broker bears another replica id than its logs were opened with.
    #[error(
        "the cluster knows this broker as replica {issued}, its logs were opened as replica {opened}; start with an empty data directory"
    )]
    OtherReplica {
        /// The id the cluster has issued.
        issued: u64,
        /// The id that replication was opened with.
        opened: u64,
    },
    /// There are partitions, and no metadata that knows them.
    #[error(
        "the data directory holds {partitions} partitions, but the cluster's metadata is gone; restore `state/metadata`, or move `partitions` away to begin anew"
    )]
    MetadataLost {
        /// How many partitions there are.
        partitions: usize,
    },
    /// The data directory cannot be listed.
    #[error("the data directory cannot be read: {reason}")]
    Directory {
        /// What the operating system said.
        reason: String,
    },
}

//! Why a broker does not start.

use metadata::Refusal;
use model::ClusterId;
use thiserror::Error;

use super::ChangeError;

/// Why a broker that is new to a cluster gets no replica id.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegistrationError {
    /// The cluster does not take it, or has not formed yet.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What came back makes no sense.
    #[error("the cluster's answer cannot be read: {reason}; run the same version on all brokers")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
}

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
    /// The directory belongs to another cluster than the one that was found.
    #[error(
        "this data directory belongs to cluster {ours}, but the metadata in it is of cluster {found}; restore it, or start with an empty one"
    )]
    OtherCluster {
        /// The directory's.
        ours: ClusterId,
        /// The metadata's.
        found: ClusterId,
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

//! What can go wrong, one enum per operation, with the numbers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{LogIndex, ReplicaId, Term};
use segment_log::{CheckpointError, JournalError, NoSpace, OpenLogError};
use thiserror::Error;

/// Why the groups of a data directory cannot be opened.
#[derive(Debug, Error)]
pub enum OpenReplicationError {
    /// The votes are unusable: this replica may have forgotten whom it voted for.
    #[error(transparent)]
    Votes(#[from] JournalError),
    /// A setting is out of its bounds.
    #[error("the Raft settings do not fit together: {0}")]
    Settings(String),
}

/// Why a group cannot be opened. The others go on.
#[derive(Debug, Error)]
pub enum OpenGroupError {
    /// The log is damaged (naming file and byte) or cannot be read.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// Its checkpoint or snapshot cannot be read or stored.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Damage was met behind what an opening looks at by itself.
    #[error("the group's log is damaged: {source}")]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// What was met, naming the byte.
        source: io::Error,
    },
    /// Its snapshot cannot be used, and no checkpoint can stand in for it.
    #[error("{} cannot be used: {reason}; the log holds the entries from {first} only, so the state before must come from another replica", file.display())]
    StateLost {
        /// The snapshot, relative to the data directory.
        file: PathBuf,
        /// What is wrong.
        reason: String,
        /// The first entry that the log holds.
        first: LogIndex,
    },
    /// What the log holds makes no sense to this version.
    #[error("the group's log cannot be understood: {source}")]
    Contents {
        /// What is wrong.
        source: io::Error,
    },
    /// There is no vote, though there must be: the votes were lost, or are older than the log.
    #[error(
        "the group at {} has entries of term {term}, but no vote: this replica has forgotten whom it voted for; put the \
         file `votes` back as it was, or start with an empty data directory, which other replicas fill",
        path.display()
    )]
    VoteLost {
        /// The group's directory.
        path: PathBuf,
        /// The term of its last entry.
        term: Term,
    },
    /// The disk is full. It can be tried again.
    #[error(transparent)]
    NoSpace(#[from] NoSpace),
    /// Raft did not start.
    #[error("the group does not start: {reason}")]
    Raft {
        /// What it said.
        reason: String,
    },
    /// It is open already.
    #[error("the group at {} is open already, or being removed", path.display())]
    AlreadyOpen {
        /// Its directory.
        path: PathBuf,
    },
    /// Its log is damaged, and being repaired from other replicas.
    #[error("the group's log is being repaired: {state}")]
    Repairing {
        /// What is missing, and what it waits for.
        state: String,
    },
    /// The replica may have forgotten what it acknowledged without a sync before a power cut.
    #[error(
        "the replica here may have forgotten records that it acknowledged before a power cut (durability `page-cache`), and takes no part until a leader has given them back: {state}"
    )]
    InDoubt {
        /// The run of the data directory at which that arose.
        since: u64,
        /// What it waits for.
        state: String,
    },
    /// The data directory is being closed, or its votes have failed.
    #[error("no group can be opened any more: {reason}")]
    Stopped {
        /// Why.
        reason: Arc<str>,
    },
}

impl OpenGroupError {
    /// Whether the log or its snapshot is damaged: other replicas may have what is missing.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Log(error) => is_damage(error),
            Self::Damaged { .. } | Self::StateLost { .. } => true,
            _ => false,
        }
    }

    /// The file in which damage was met, if it is known: what a repair is to doubt.
    pub fn suspect(&self) -> Option<&Path> {
        match self {
            Self::Log(OpenLogError::Damaged { file, .. })
            | Self::Damaged { file, .. }
            | Self::StateLost { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Whether nothing but the moment is wrong, such as a full disk or no file handle left: it can be tried again.
    pub fn passes(&self) -> bool {
        match self {
            Self::NoSpace(_)
            | Self::AlreadyOpen { .. }
            | Self::Repairing { .. }
            | Self::InDoubt { .. }
            | Self::Log(OpenLogError::Io { .. } | OpenLogError::AlreadyOpen { .. })
            | Self::Checkpoint(CheckpointError::Io { .. }) => true,
            Self::Log(OpenLogError::Damaged { .. } | OpenLogError::Journal(_))
            | Self::Checkpoint(_)
            | Self::Damaged { .. }
            | Self::StateLost { .. }
            | Self::VoteLost { .. }
            | Self::Contents { .. }
            | Self::Raft { .. }
            | Self::Stopped { .. } => false,
        }
    }
}

/// Whether other replicas may have what is missing of a log.
pub(crate) fn is_damage(error: &OpenLogError) -> bool {
    match error {
        OpenLogError::Damaged { .. } => true,
        OpenLogError::Io { source, .. } => !segment_log::passes(source),
        _ => false,
    }
}

/// Why a group's files are still there.
#[derive(Debug, Error)]
pub enum RemoveGroupError {
    /// The files cannot be deleted.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// Its vote cannot be forgotten.
    #[error(transparent)]
    Votes(#[from] JournalError),
    /// Somebody else opens or removes it at this moment.
    #[error("the group at {} is being opened or removed, try again", path.display())]
    Busy {
        /// Its directory.
        path: PathBuf,
    },
    /// A bug of ours.
    #[error("removing it has crashed: {0}")]
    Crashed(String),
}

/// Why a proposal was not made. Nothing was written, except for [`ProposeError::Unknown`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProposeError {
    /// This replica does not lead, or does not yet know all that was committed before it.
    #[error("this replica does not lead the group{}", .leader.map(|l| format!(", replica {l} does")).unwrap_or_default())]
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<ReplicaId>,
    },
    /// This replica leads as far as it knows, and hears from no quorum.
    #[error("no quorum of the group's replicas answers; try again in a moment")]
    NoQuorum,
    /// The disk is as good as full.
    #[error(transparent)]
    NoSpace(#[from] NoSpace),
    /// Too much is on its way already.
    #[error(
        "{bytes} bytes are proposed and not yet committed, the limit is {limit}; send more slowly"
    )]
    TooManyUncommitted {
        /// The bytes on their way.
        bytes: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The group has stopped.
    #[error("the group has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: Arc<str>,
    },
    /// It may or may not have been written: leadership was lost, or the group has stopped, in between.
    #[error(
        "the outcome is unknown: leadership was lost or the group stopped while it was being written"
    )]
    Unknown,
}

/// Why the end of the log is not certain.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReadIndexError {
    /// This replica does not lead.
    #[error("this replica does not lead the group{}", .leader.map(|l| format!(", replica {l} does")).unwrap_or_default())]
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<ReplicaId>,
    },
    /// No quorum has confirmed that this replica still leads.
    #[error("no quorum has confirmed that this replica leads: {reason}")]
    NoQuorum {
        /// Who answered.
        reason: String,
    },
    /// The group has stopped.
    #[error("the group has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: Arc<str>,
    },
}

/// Why a group's members were not changed by this call.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReconfigureError {
    /// Only the leader changes the members.
    #[error("this replica does not lead the group{}", .leader.map(|l| format!(", replica {l} does")).unwrap_or_default())]
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<ReplicaId>,
    },
    /// Another change is under way.
    #[error("the group's members are being changed already, try again soon")]
    Busy,
    /// A group needs somebody to vote.
    #[error("a group without voters can do nothing: name at least one")]
    NoVoters,
    /// Raft refused.
    #[error("the group's members are not changed: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The step may or may not be done: look at the members, and call again.
    #[error("whether the group's members have changed is unknown: leadership was lost in between")]
    Unknown,
    /// The group has stopped.
    #[error("the group has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: Arc<str>,
    },
}

/// Why another replica does not lead now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TransferError {
    /// Only the leader hands over.
    #[error("this replica does not lead the group{}", .leader.map(|l| format!(", replica {l} does")).unwrap_or_default())]
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<ReplicaId>,
    },
    /// Only a voter can lead.
    #[error("replica {to} does not vote in the group and cannot lead it")]
    NotVoter {
        /// The replica.
        to: ReplicaId,
    },
    /// It lacks too much to be able to lead soon.
    #[error(
        "replica {to} lacks {lag} entries, more than the {limit} with which it could lead soon"
    )]
    TooFarBehind {
        /// The replica.
        to: ReplicaId,
        /// How many entries it is not known to have.
        lag: u64,
        /// The most it may lack.
        limit: u64,
    },
    /// Another handover is under way.
    #[error("the group's leadership is being handed over already, try again soon")]
    Busy,
    /// The other one did not take over in time; this replica has started the group anew and may lead again.
    #[error("replica {to} has not taken over within {} ms", waited.as_millis())]
    Failed {
        /// The replica.
        to: ReplicaId,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The group has stopped.
    #[error("the group has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: Arc<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_handle_left_passes_and_damage_does_not() {
        let path = PathBuf::from("partitions/t/0");
        let no_handle = OpenLogError::Io {
            path: path.clone(),
            source: io::Error::from_raw_os_error(24),
        };
        assert!(OpenGroupError::from(no_handle).passes());
        let damaged = OpenLogError::Damaged {
            file: path.clone(),
            byte: 7,
            reason: "a wrong checksum".to_owned(),
            first_missing: LogIndex::ZERO,
            noted_end: LogIndex::new(1),
        };
        assert!(!OpenGroupError::from(damaged).passes());
        let checkpoint = CheckpointError::Damaged {
            file: path,
            reason: "a wrong checksum".to_owned(),
        };
        assert!(!OpenGroupError::from(checkpoint).passes());
    }
}

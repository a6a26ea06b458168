//! Every reason for which a request fails: its name on the wire, its gRPC code, what a script and a client make of it.
//!
//! The only list of them. Names are part of the API: they are never changed, only added.

use tonic::Code;

/// What kind of failure it is, for the exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitClass {
    /// It failed for a reason of its own: exit code 1.
    Failed,
    /// What was asked for is not there: exit code 3.
    NotFound,
    /// The input was refused: exit code 4.
    Refused,
    /// Unavailable or timed out: exit code 5.
    Unavailable,
    /// No space, or over a limit: exit code 6.
    OverLimit,
}

impl ExitClass {
    /// The exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unavailable => 5,
            Self::OverLimit => 6,
        }
    }

    /// The class of a failure of which only the gRPC code is known.
    pub const fn of_code(code: Code) -> Self {
        match code {
            Code::NotFound => Self::NotFound,
            Code::InvalidArgument | Code::OutOfRange | Code::AlreadyExists => Self::Refused,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted => {
                Self::Unavailable
            }
            Code::ResourceExhausted => Self::OverLimit,
            _ => Self::Failed,
        }
    }
}

/// Whether sending the same again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// No: it would fail again.
    Never,
    /// Yes, after a while: nothing was done.
    Safe,
    /// Perhaps it was done: only what may be done twice, or carries a producer's sequence, may be sent again.
    OnlyIfIdempotent,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $code:ident, $class:ident, $retry:ident;)*) => {
        /// Why a request failed. The comment on each says when, for the documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire, in UPPER_SNAKE_CASE.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The gRPC status code.
            pub const fn code(self) -> Code {
                match self {
                    $(Self::$variant => Code::$code,)*
                }
            }

            /// What a script makes of it.
            pub const fn exit_class(self) -> ExitClass {
                match self {
                    $(Self::$variant => ExitClass::$class,)*
                }
            }

            /// What a client makes of it.
            pub const fn retry(self) -> Retry {
                match self {
                    $(Self::$variant => Retry::$retry,)*
                }
            }
        }
    };
}

reasons! {
    /// A field is negative, missing, out of bounds or not understood; `field` and `value` name it.
    InvalidField = "INVALID_FIELD": InvalidArgument, Refused, Never;
    /// A message is no protobuf of its type.
    MalformedMessage = "MALFORMED_MESSAGE": InvalidArgument, Refused, Never;
    /// A topic name is empty, too long or has an illegal character.
    InvalidTopicName = "INVALID_TOPIC_NAME": InvalidArgument, Refused, Never;
    /// No topic has this name.
    UnknownTopic = "UNKNOWN_TOPIC": NotFound, NotFound, Never;
    /// The topic has no such partition.
    UnknownPartition = "UNKNOWN_PARTITION": NotFound, NotFound, Never;
    /// There is a topic of this name already.
    TopicExists = "TOPIC_EXISTS": AlreadyExists, Refused, Never;
    /// No topic config has this name.
    UnknownConfig = "UNKNOWN_CONFIG": InvalidArgument, Refused, Never;
    /// The value of a topic config is not allowed; the message names the bounds.
    InvalidConfig = "INVALID_CONFIG": InvalidArgument, Refused, Never;
    /// A topic cannot have that many partitions, or not fewer than it has.
    InvalidPartitionCount = "INVALID_PARTITION_COUNT": InvalidArgument, Refused, Never;
    /// A topic cannot have that many replicas.
    InvalidReplicationFactor = "INVALID_REPLICATION_FACTOR": InvalidArgument, Refused, Never;
    /// The cluster has as many topics as it may have.
    TooManyTopics = "TOO_MANY_TOPICS": ResourceExhausted, OverLimit, Never;
    /// The cluster has as many partitions as it may have.
    TooManyPartitions = "TOO_MANY_PARTITIONS": ResourceExhausted, OverLimit, Never;
    /// No broker has this id.
    UnknownBroker = "UNKNOWN_BROKER": NotFound, NotFound, Never;
    /// A partition cannot have these replicas: too many or few, one twice, or on a broker that leaves or is unknown.
    InvalidReplicas = "INVALID_REPLICAS": InvalidArgument, Refused, Never;
    /// A broker cannot leave: too few would remain.
    TooFewBrokers = "TOO_FEW_BROKERS": FailedPrecondition, Refused, Never;
    /// A leadership was not handed over: nobody else is in sync, or the other one did not take it.
    NotTransferred = "NOT_TRANSFERRED": Unavailable, Unavailable, Safe;
    /// Someone else changed the topic at the same time.
    Conflict = "CONFLICT": Aborted, Unavailable, Safe;

    /// A batch is cut short, has bytes behind it, a length that cannot be, an old format or a wrong CRC.
    CorruptBatch = "CORRUPT_BATCH": InvalidArgument, Refused, Never;
    /// A batch promises no record, or another number than it has offsets.
    WrongRecordCount = "WRONG_RECORD_COUNT": InvalidArgument, Refused, Never;
    /// A batch is compressed by a codec that does not exist.
    UnknownCodec = "UNKNOWN_CODEC": InvalidArgument, Refused, Never;
    /// A batch is marked as a control batch: only brokers write those.
    ControlBatch = "CONTROL_BATCH": InvalidArgument, Refused, Never;
    /// A batch belongs to a transaction: there are none yet.
    TransactionalBatch = "TRANSACTIONAL_BATCH": InvalidArgument, Refused, Never;
    /// A batch has attribute bits without a meaning.
    UnknownAttributes = "UNKNOWN_ATTRIBUTES": InvalidArgument, Refused, Never;
    /// A batch has a producer id, and a negative epoch or sequence.
    NegativeSequence = "NEGATIVE_SEQUENCE": InvalidArgument, Refused, Never;
    /// A timestamp is further from now than the topic allows.
    TimestampOutOfRange = "TIMESTAMP_OUT_OF_RANGE": InvalidArgument, Refused, Never;
    /// A batch is larger than the topic's `max.message.bytes`.
    BatchTooLarge = "BATCH_TOO_LARGE": InvalidArgument, OverLimit, Never;
    /// A gRPC message, or one that would be needed to answer, is larger than the broker's limit.
    MessageTooLarge = "MESSAGE_TOO_LARGE": ResourceExhausted, OverLimit, Never;
    /// A batch grows beyond the limit when it is decompressed: it can only be fetched encoded.
    DecompressedTooLarge = "DECOMPRESSED_TOO_LARGE": ResourceExhausted, OverLimit, Never;
    /// The records of a stored batch are not what its header promises: it can only be fetched encoded.
    UnreadableRecords = "UNREADABLE_RECORDS": FailedPrecondition, Failed, Never;

    /// A batch before this one is missing, or it was written so long ago that its place is forgotten.
    OutOfOrderSequence = "OUT_OF_ORDER_SEQUENCE": FailedPrecondition, Refused, Never;
    /// A batch was written before; where, is forgotten.
    DuplicateSequence = "DUPLICATE_SEQUENCE": AlreadyExists, Refused, Never;
    /// A newer incarnation of the producer has taken over.
    ProducerFenced = "PRODUCER_FENCED": FailedPrecondition, Refused, Never;

    /// The batch was to be written at one offset only (`expected`), and would have got another (`actual`).
    LogMovedOn = "LOG_MOVED_ON": FailedPrecondition, Refused, Never;

    /// The offset lies before the first record there is; `log_start` tells which that is.
    OffsetBelowLogStart = "OFFSET_BELOW_LOG_START": OutOfRange, Refused, Never;
    /// The offset lies behind the end of the log; `log_end` tells where that is.
    OffsetAboveLogEnd = "OFFSET_ABOVE_LOG_END": OutOfRange, Refused, Never;

    /// Another broker leads the partition, or none does for now; `leader` tells which, where that is known.
    NotLeader = "NOT_LEADER": Unavailable, Unavailable, Safe;
    /// The leader hears from no quorum of the partition's replicas: nothing was written.
    NoQuorum = "NO_QUORUM": Unavailable, Unavailable, Safe;
    /// The cluster has not formed yet, or the broker is not ready.
    NotReady = "NOT_READY": Unavailable, Unavailable, Safe;
    /// The broker stops.
    ShuttingDown = "SHUTTING_DOWN": Unavailable, Unavailable, Safe;
    /// It may have been done or not: leadership was lost, or the partition stopped, in between.
    OutcomeUnknown = "OUTCOME_UNKNOWN": Unavailable, Unavailable, OnlyIfIdempotent;
    /// The deadline has passed; what was asked for may have been done or not.
    DeadlineExceeded = "DEADLINE_EXCEEDED": DeadlineExceeded, Unavailable, OnlyIfIdempotent;
    /// The partition has stopped, for example after a failed sync; an operator must look.
    PartitionStopped = "PARTITION_STOPPED": Unavailable, Unavailable, Safe;
    /// The replica here may have forgotten what it acknowledged before a power cut, and nobody leads who could give it back.
    ReplicaInDoubt = "REPLICA_IN_DOUBT": Unavailable, Unavailable, Safe;
    /// No replica is in doubt: there is no loss to accept.
    NothingInDoubt = "NOTHING_IN_DOUBT": FailedPrecondition, Refused, Never;
    /// The disks of too many replicas were replaced: nobody can lead the partition, and its records are gone.
    RecordsLost = "RECORDS_LOST": DataLoss, Failed, Never;
    /// Stored bytes are damaged; the message names the file and the byte.
    DataDamaged = "DATA_DAMAGED": DataLoss, Failed, Never;
    /// Reading the disk failed.
    ReadFailed = "READ_FAILED": Internal, Failed, Safe;
    /// The disk is full, or nearly.
    NoSpace = "NO_SPACE": ResourceExhausted, OverLimit, Safe;
    /// Too much is under way already: uncommitted bytes, or requests.
    Overloaded = "OVERLOADED": ResourceExhausted, OverLimit, Safe;
    /// Something that should not happen did.
    Internal = "INTERNAL": Internal, Failed, OnlyIfIdempotent;
}

impl Reason {
    /// The reason of this name; `None` for one that a newer broker has.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == name)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_name_and_fits_the_rules_of_error_info() {
        for reason in Reason::ALL.iter().copied() {
            let name = reason.as_str();
            assert_eq!(Reason::of_name(name), Some(reason));
            assert!(name.len() <= 63);
            assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
        assert_eq!(Reason::of_name("FROM_THE_FUTURE"), None);
    }
}

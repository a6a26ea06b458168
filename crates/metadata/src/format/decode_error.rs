//! Why bytes are not a command, an answer or a snapshot.

use model::TopicId;
use thiserror::Error;

use crate::config::ConfigError;

/// Why bytes are not a command, an answer or a snapshot. `at` counts bytes from the beginning.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes do not begin as this kind of message does.
    #[error(
        "the bytes do not begin with `SM{wanted}`: this is another kind of message, or damaged"
    )]
    NotThisKind {
        /// The letter of the kind.
        wanted: char,
    },
    /// The message is of another format version.
    #[error("the message is of format version {found}, this broker reads {known}; upgrade it")]
    OtherVersion {
        /// The version found.
        found: u8,
        /// The version this broker reads.
        known: u8,
    },
    /// The bytes end within an item.
    #[error("at byte {at}, {wanted} bytes are missing: the message was cut")]
    Truncated {
        /// Where the item goes on.
        at: u64,
        /// How many bytes are missing.
        wanted: u64,
    },
    /// Bytes follow the message.
    #[error("at byte {at}, {bytes} bytes follow the end of the message")]
    TrailingBytes {
        /// Where the message ends.
        at: u64,
        /// How many bytes follow.
        bytes: u64,
    },
    /// An item of another type.
    #[error("at byte {at}, an item of type `{wanted}` is expected, byte {found:#04x} found")]
    WrongType {
        /// Where the item begins.
        at: u64,
        /// The letter of the type expected.
        wanted: char,
        /// The byte found.
        found: u8,
    },
    /// A length or count beyond its limit.
    #[error("at byte {at}, a length of {found} exceeds the limit of {limit}")]
    TooLong {
        /// Where the item begins.
        at: u64,
        /// The length or count found.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// A record or id of another length.
    #[error("at byte {at}, a length of {wanted} is expected, {found} found")]
    WrongLength {
        /// Where the item begins.
        at: u64,
        /// The length expected.
        wanted: u64,
        /// The length found.
        found: u64,
    },
    /// A number that its field cannot hold.
    #[error("before byte {at}, {found} is not a {what}")]
    BadNumber {
        /// Where the item ends.
        at: u64,
        /// What was expected.
        what: &'static str,
        /// The number found.
        found: u64,
    },
    /// A text that its field cannot hold.
    #[error("before byte {at}, the text is not {what}")]
    BadText {
        /// Where the item ends.
        at: u64,
        /// What was expected.
        what: &'static str,
    },
    /// A map's keys are not ascending.
    #[error("before byte {at}, the keys of a map are not in ascending order")]
    KeysNotAscending {
        /// Where the key's entry ends.
        at: u64,
    },
    /// A topic whose configs this broker does not accept.
    #[error("topic {topic}: {error}; this broker is older or newer than the one that stored it")]
    Config {
        /// The topic.
        topic: TopicId,
        /// What is wrong with its configs.
        error: ConfigError,
    },
    /// A snapshot that contradicts itself.
    #[error("the snapshot contradicts itself: it does not hold that {invariant}")]
    Inconsistent {
        /// What does not hold.
        invariant: &'static str,
    },
}

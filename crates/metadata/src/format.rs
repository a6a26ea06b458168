//! The bytes of commands, answers and snapshots.
//!
//! Self-describing and made to be read in a hex dump: every item begins with a letter for its type.
//! Numbers are little-endian.
//!
//! ```text
//! message   "SM"  kind  version  item          kind: 'C' command, 'A' answer, 'S' snapshot
//!            2     1       1                   version: 5
//!
//! item      'n'  number (8)                    every number, id of a broker, replica, partition …;
//!                                              signed ones in two's complement
//!           'b'  length (4)  bytes             ids of 16 bytes
//!           't'  length (4)  UTF-8 text        names, addresses, config values
//!           'l'  count (4)   items             lists, and all below
//!           '-'                                nothing: an absent option
//!
//! record    'l'  fields in the order of the struct
//! variant   'l'  'n' code, then its fields     the codes stand in `variants`
//! map       'l'  one record (key, value) each, keys ascending without repetition
//! ```
//!
//! A value has one encoding only. A reader takes nothing it does not know: a field or variant of a newer
//! version skipped by one replica and applied by another would set them apart. So whoever changes a
//! struct raises the version, and newer brokers propose in it only when all can read it.
//!
//! No count is believed: a list is read item by item, each of at least one byte, so what is allocated is
//! bounded by the bytes at hand. There is no checksum here; whoever stores the bytes has one.

mod decode_error;
mod reader;
mod stored;
mod structs;
mod variants;
mod writer;

use bytes::Bytes;
use thiserror::Error;

pub use decode_error::DecodeError;

use crate::command::Command;
use crate::outcome::Answer;
use crate::refusal::Refusal;
use crate::state::ClusterState;
use reader::Reader;
use stored::Stored;
use writer::Writer;

/// The version written, and the newest one read.
pub const FORMAT_VERSION: u8 = 5;

/// The oldest version read: brokers without states, partitions that have never moved.
pub const FORMAT_VERSION_OLDEST: u8 = 1;

const COMMAND: u8 = b'C';
const ANSWER: u8 = b'A';
const SNAPSHOT: u8 = b'S';

/// A command that replicas could not read back.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the command cannot be stored: {0}")]
pub struct EncodeError(#[from] DecodeError);

impl Command {
    /// The command's bytes.
    ///
    /// # Errors
    /// Where it holds more than a reader accepts (a text above 64 KiB, say): such a command must not be
    /// proposed, since no replica could apply it.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let bytes = encode(COMMAND, self);
        Self::decode(&bytes)?;
        Ok(bytes)
    }

    /// Reads a command.
    ///
    /// # Errors
    /// Where the bytes are not a command of this version, whole and nothing more. A replica that meets
    /// this in a committed entry must stop, not skip it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(COMMAND, bytes)
    }
}

impl ClusterState {
    /// The state as a snapshot.
    pub fn encode_snapshot(&self) -> Bytes {
        encode(SNAPSHOT, self)
    }

    /// Reads a snapshot, and checks what must be true of it.
    ///
    /// # Errors
    /// Where the bytes are not a snapshot of this version, or contradict themselves.
    pub fn decode_snapshot(bytes: &[u8]) -> Result<Self, DecodeError> {
        let state: Self = decode(SNAPSHOT, bytes)?;
        match state.broken_invariant() {
            Some(invariant) => Err(DecodeError::Inconsistent { invariant }),
            None => Ok(state),
        }
    }
}

/// The bytes of what a proposer is told.
pub fn encode_answer(answer: &Result<Answer, Refusal>) -> Bytes {
    encode(ANSWER, answer)
}

/// Reads what a proposer is told.
///
/// # Errors
/// Where the bytes are not an answer of this version.
pub fn decode_answer(bytes: &[u8]) -> Result<Result<Answer, Refusal>, DecodeError> {
    decode(ANSWER, bytes)
}

fn encode<T: Stored>(kind: u8, value: &T) -> Bytes {
    let mut writer = Writer::new([b'S', b'M', kind, FORMAT_VERSION]);
    value.write(&mut writer);
    writer.finish()
}

fn decode<T: Stored>(kind: u8, bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let [first, second, found, version] = reader.header()?;
    if [first, second, found] != [b'S', b'M', kind] {
        return Err(DecodeError::NotThisKind {
            wanted: kind.into(),
        });
    }
    if !(FORMAT_VERSION_OLDEST..=FORMAT_VERSION).contains(&version) {
        return Err(DecodeError::OtherVersion {
            found: version,
            known: FORMAT_VERSION,
        });
    }
    let value = T::read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

#[cfg(test)]
mod tests;

//! The gRPC API: generated types and checked conversions to the [`model`].
//!
//! The API is written down, field by field, in `proto/strandline/v1`. This crate knows nothing of how it is
//! served or used. [`Reason`] lists what can go wrong, for servers, clients and the documentation alike;
//! `v1::Error` carries one of them with its facts, inside a response or as a status.

pub mod codec;
mod enums;
mod error;
mod fields;
mod reason;
mod records;

pub use error::DOMAIN;
pub use fields::{InvalidField, bytes, millis, offset, partition, producer_stamp, timestamp};
pub use reason::{ExitClass, Reason, Retry};
pub use records::{encode, wire_offset};

/// The public API, package `strandline.v1`: messages, clients, servers.
pub mod v1 {
    tonic::include_proto!("strandline.v1");
}

/// What brokers say to each other, package `strandline.internal.v1`: messages only.
pub mod internal {
    tonic::include_proto!("strandline.internal.v1");
}

/// The descriptors of every file of the API, encoded, with comments: what the reflection service shows.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

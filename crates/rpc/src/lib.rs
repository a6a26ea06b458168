//! The gRPC API: generated types and checked conversions to the [`model`].
//!
//! The API is written down, field by field, in `proto/strandline/v1`. This crate knows nothing of how it is
//! served or used.

/// The public API, package `strandline.v1`: messages, clients, servers.
pub mod v1 {
    tonic::include_proto!("strandline.v1");
}

/// The descriptors of every file of the API, encoded, with comments: what the reflection service shows.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

//! Limits that more than one crate must agree on.

/// The largest batch that can be configured (`max.message.bytes`), in bytes: 64 MiB.
pub const BATCH_BYTES_LIMIT: u64 = 64 << 20;

/// The default of `max.message.bytes`: a batch with its header, in bytes (Kafka's 1,048,588).
pub const BATCH_BYTES_DEFAULT: u64 = 1_048_588;

/// The default limit of one gRPC message, in bytes: 16 MiB.
pub const GRPC_MESSAGE_BYTES_DEFAULT: u64 = 16 << 20;

/// How far a batch may grow when it is decompressed, in bytes: 64 MiB.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Most records in one batch that the broker decodes for a client.
pub const RECORDS_PER_BATCH_MAX: usize = 10_000_000;

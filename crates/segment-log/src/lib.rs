//! One partition's durable log: segments, sparse indexes, recovery, trimming and the flusher.
//!
//! It knows record batches (their 61-byte headers, never their records) and files. It knows neither
//! Raft nor topics nor networks. All `unsafe` code of Strandline is in `disk::mapping`.

pub mod disk;

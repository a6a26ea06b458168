//! Tests of whole brokers, and what they need: a harness that runs the `strand` binary and ends it in every way a
//! machine may, and a load whose history is judged by the package `checker`, which lies beside.
//!
//! It knows the broker from outside only: its command line, its gRPC API, its files' names.

// A harness that cannot go on fails its test: it panics, and says why.
#![allow(clippy::expect_used, clippy::unwrap_used)]

pub mod chance;
pub mod harness;
pub mod load;

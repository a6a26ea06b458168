//! Brokers on loopback: the way between them, and forming. Each file is a promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cluster;
mod conformance;
mod forming;
mod strangers;

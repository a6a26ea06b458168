//! Brokers on loopback: the way between them, and forming. Each file is a promise.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cluster;
mod forming;

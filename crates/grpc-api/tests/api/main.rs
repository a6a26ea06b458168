//! The services over a real connection, onto a real broker on a temporary directory.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(clippy::indexing_slicing, reason = "a test ends where it fails")]

mod cluster;
mod consume;
mod produce;
mod produce_stream;
mod refused_batches;
mod several;
mod stage;
mod subscribe;
mod topics;

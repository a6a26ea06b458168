//! The record batch format seen from outside: golden bytes, an oracle, and bytes that are no batch.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where it fails"
)]

mod codecs;
mod control;
mod craft;
mod golden;
mod headers;
mod oracle;
mod produced;
mod records;
mod seed;

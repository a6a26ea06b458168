//! A gRPC client that adds as little as it can: encoded messages go as they are into HTTP/2 frames.
//!
//! The load generator shares the processors with what it measures, so a message is encoded once and sent many times.

mod connection;
mod message;

pub(crate) use connection::{Connection, Requests, Responses};
pub(crate) use message::frame;

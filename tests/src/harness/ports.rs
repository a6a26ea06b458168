//! Ports that must be known before anybody listens on them: brokers name each other's.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range that the system takes ports of outgoing connections from.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// Test processes that run at the same time begin far from each other.
const APART: u32 = 331;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A loopback port on which nobody listens, and which this process gives out once.
pub fn free_port() -> u16 {
    let begin = std::process::id().wrapping_mul(APART);
    for _ in 0..COUNT {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + offset % COUNT).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("every port from {FIRST} on is taken");
}

//! The least of HTTP that reads a health check.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::running::TIMEOUT;

/// What a GET was answered.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The headers, in lower case.
    pub headers: String,
    /// The body.
    pub body: String,
}

/// GETs `path` from `address`; `None` where nobody answers.
pub fn get(address: &str, path: &str) -> Option<HttpAnswer> {
    get_within(address, path, TIMEOUT)
}

/// The same, where an answer begins within `limit`: a host that is cut off does not even refuse.
pub(super) fn get_within(address: &str, path: &str, limit: Duration) -> Option<HttpAnswer> {
    let resolved = address.to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&resolved, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(HttpAnswer {
        status,
        headers: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}

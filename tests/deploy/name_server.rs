//! The least of a DNS server (RFC 1035): it knows a few names, and their IPv4 addresses.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

/// Bytes of a message's header.
const HEADER: usize = 12;

/// The question's types.
const A: [u8; 2] = [0, 1];

/// What a name stands for.
pub(crate) type Names = Vec<(String, Vec<Ipv4Addr>)>;

/// Answers on port 53 of this loopback address until the test's process ends.
///
/// # Errors
/// The port cannot be had.
pub(crate) fn serve(address: Ipv4Addr, names: Names) -> io::Result<()> {
    let socket = UdpSocket::bind((address, 53))?;
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length], &names) {
                // Who asked asks again.
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    Ok(())
}

fn answer(question: &[u8], names: &Names) -> Option<Vec<u8>> {
    let asked = question.get(HEADER..)?;
    let end = asked.iter().position(|byte| *byte == 0)? + 1;
    let name = name_of(&asked[..end])?;
    let of_type = asked.get(end..end + 2)?;
    let known = names.iter().find(|(known, _)| *known == name);
    let addresses = match known {
        Some((_, addresses)) if of_type == A => addresses.as_slice(),
        _ => &[],
    };
    let mut message = question[..2].to_vec();
    // A final answer; to a name that nobody knows: there is no such name.
    message.extend([0x85, if known.is_some() { 0x80 } else { 0x83 }]);
    message.extend([0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
    message.extend(asked.get(..end + 4)?);
    for address in addresses {
        // The name of the question, type A, class IN, kept for a second, four bytes.
        message.extend([0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        message.extend(address.octets());
    }
    Some(message)
}

/// Labels, each behind its length, as text.
fn name_of(mut labels: &[u8]) -> Option<String> {
    let mut name = Vec::new();
    while let [length @ 1..=63, rest @ ..] = labels {
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        name.push(String::from_utf8_lossy(label).to_lowercase());
        labels = rest;
    }
    Some(name.join("."))
}

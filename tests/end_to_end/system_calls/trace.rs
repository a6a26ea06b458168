//! Reads what `strace -f -yy -xx` writes.
//!
//! ```text
//! 4711 fdatasync(6<\x2f\x74> <unfinished ...>
//! 4712 sendto(9<TCP:[127.0.0.1:7700->127.0.0.1:50000]>, "\x00\x01", 2, MSG_NOSIGNAL, NULL, 0) = 2
//! 4711 <... fdatasync resumed>)          = 0
//! ```
//! The tracer stops a thread where a call begins and where it ends, and writes both down in the order in which it saw
//! them. So what is written before could have caused what is written after it, and never the other way round.

use std::collections::HashMap;

/// A system call.
#[derive(Debug)]
pub(super) struct Call {
    name: String,
    /// The file or socket it is about, as strace shows it.
    pub(super) file: String,
    /// Every byte of every buffer.
    pub(super) bytes: Vec<u8>,
    /// The line that shows its beginning.
    pub(super) began: usize,
    /// The line that shows its end.
    pub(super) ended: usize,
    /// What it returned; -1 for every error.
    pub(super) result: i64,
}

impl Call {
    pub(super) fn is_write(&self) -> bool {
        self.name.starts_with("pwrite")
    }

    pub(super) fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fdatasync" | "fsync")
    }

    pub(super) fn is_send(&self) -> bool {
        self.file.starts_with("TCP:")
    }
}

/// The calls in a trace, in the order in which they began.
pub(super) fn calls(trace: &str) -> Vec<Call> {
    let mut found: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (line_number, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(call) = unfinished.remove(thread) {
                found[call].ended = line_number;
                found[call].result = result(rest);
            }
        } else if let Some(mut call) = call(rest, line_number) {
            if rest.ends_with("<unfinished ...>") {
                call.ended = usize::MAX;
                unfinished.insert(thread, found.len());
            }
            found.push(call);
        }
    }
    found
}

fn call(line: &str, line_number: usize) -> Option<Call> {
    let (name, arguments) = line.split_once('(')?;
    let (_, arguments) = arguments.split_once('<')?;
    // A socket's description holds `->`.
    let end = arguments
        .find(">,")
        .or_else(|| arguments.find(">)"))
        .or_else(|| arguments.find("> <unfinished"))?;
    let (file, rest) = (&arguments[..end], &arguments[end..]);
    Some(Call {
        name: name.to_owned(),
        file: file.to_owned(),
        bytes: bytes(rest),
        began: line_number,
        ended: line_number,
        result: result(line),
    })
}

/// The bytes of all quoted strings: `"\x00\x01"`.
fn bytes(text: &str) -> Vec<u8> {
    let quoted = text.split('"').skip(1).step_by(2);
    quoted
        .flat_map(|string| string.split("\\x").skip(1))
        .filter_map(|digits| u8::from_str_radix(digits, 16).ok())
        .collect()
}

fn result(line: &str) -> i64 {
    let behind = line.rsplit_once(" = ").map_or("", |(_, behind)| behind);
    let number = behind.split(' ').next().unwrap_or_default();
    number.parse().unwrap_or(-1)
}

#[test]
fn calls_that_overlap_are_put_together() {
    let trace = "\
10 pwritev2(6<\\x2f\\x74>, [{iov_base=\"\\x68\\x65\", iov_len=2}, {iov_base=\"\\x6c\", iov_len=1}], 2, 0, 0) = 3
10 fdatasync(6<\\x2f\\x74> <unfinished ...>
11 sendto(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"\\x78\\xff\", 2, 0, NULL, 0) = 2
10 <... fdatasync resumed>)          = -1 EIO (Input/output error)
11 +++ exited with 0 +++
";
    let calls = calls(trace);
    let shown: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call.name.as_str(),
                call.file.as_str(),
                call.began,
                call.ended,
                call.result,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("pwritev2", "\\x2f\\x74", 0, 0, 3),
            ("fdatasync", "\\x2f\\x74", 1, 3, -1),
            ("sendto", "TCP:[127.0.0.1:1->127.0.0.1:2]", 2, 2, 2),
        ]
    );
    assert_eq!(calls[0].bytes, b"hel");
    assert_eq!(calls[2].bytes, b"x\xff");
}

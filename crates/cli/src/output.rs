//! Results on stdout. A reader that has gone away ends the output, not the program.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Writes bytes as they are.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("cannot write to stdout: {error}");
            Err(Failure::new(Exit::Failed, "OUTPUT", message))
        }
        _ => Ok(()),
    }
}

/// Writes a line.
pub(crate) fn write_line(line: &str) -> Result<(), Failure> {
    write_bytes(format!("{line}\n").as_bytes())
}

/// Writes a JSON value on a line of its own.
pub(crate) fn write_json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "OUTPUT",
            format!("cannot write JSON: {error}"),
        )
    })?;
    write_line(&line)
}

//! Results on stdout. A reader that has gone away ends the output, not the program.

use std::io::{self, ErrorKind, Write};

use comfy_table::{ContentArrangement, Table, presets};
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

/// Writes rows under headings, in columns as wide as they need to be.
pub(crate) fn write_table<const COLUMNS: usize>(
    headings: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Result<(), Failure> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    // Padding at the ends of lines would be all that is not a cell.
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    write_line(&lines.join("\n"))
}

/// Writes a line to stderr, for people.
pub(crate) fn notice(line: &str) {
    // Nobody is left to tell where stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

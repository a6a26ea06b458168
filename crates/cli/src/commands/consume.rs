//! `strand consume`: reads records.

mod format;
pub(crate) mod plan;
mod run;
mod sink;
mod trouble;

use std::time::Duration;

use clap::{Args, ValueEnum};
use model::{Offset, Timestamp};

use crate::arguments::{OutputFormat, Separator, duration, separator};
use crate::failure::Failure;
use crate::session::Session;
use crate::time::parse_millis;

use plan::{Plan, Start, Wanted};
use run::Copy;

const AFTER_HELP: &str = "\
Without a start, only records that come from now on are read. Bytes come out as they went in.

Examples:
  strand consume greetings --from-beginning --until-end
  strand consume orders --partition 3 --offset 1000 --max 10 --json
  strand consume app --from-timestamp 2026-01-31T08:00:00Z --format key-value

Leaders that change and brokers that restart are waited for, until --timeout.
As JSON, bytes that are not UTF-8 are found as base64 in key_base64 and value_base64.";

/// Read records
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ConsumeArgs {
    /// The topic
    topic: String,
    /// Only this partition [default: every one]
    #[arg(long, short, value_name = "N")]
    partition: Option<u32>,
    /// The first offset to read, in each partition read
    #[arg(long, short, value_name = "N", group = "start")]
    offset: Option<u64>,
    /// Read from the first record there is
    #[arg(long, group = "start")]
    from_beginning: bool,
    /// Read from the first record of this time on: RFC 3339, or milliseconds since 1970
    #[arg(long, value_name = "T", group = "start", value_parser = parse_millis, allow_negative_numbers = true)]
    from_timestamp: Option<i64>,
    /// Stop after this many records
    #[arg(long, short = 'n', value_name = "N")]
    max: Option<u64>,
    /// Stop at the ends as they stand now
    #[arg(long)]
    until_end: bool,
    /// How long a partition may have no leader, or brokers be away, before it fails
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// How records are shown [default: value, or json with --json]
    #[arg(long, value_enum)]
    format: Option<RecordFormat>,
    /// What to write between key and value (\t, \0 and \xHH are understood)
    #[arg(long, value_name = "S", default_value = r"\t", value_parser = separator)]
    key_separator: Separator,
}

/// How records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordFormat {
    /// The value and a line feed
    Value,
    /// The key, a separator, the value and a line feed
    KeyValue,
    /// One JSON object a line
    Json,
}

pub(crate) async fn run(args: ConsumeArgs, session: &Session) -> Result<(), Failure> {
    let format = args.format.unwrap_or(match session.format {
        OutputFormat::Table => RecordFormat::Value,
        OutputFormat::Json => RecordFormat::Json,
    });
    let start = match (args.offset, args.from_timestamp) {
        (Some(offset), _) => Start::At(Offset::new(offset)),
        (None, Some(millis)) => Start::AtTime(Timestamp::from_millis(millis)),
        (None, None) if args.from_beginning => Start::Beginning,
        (None, None) => Start::End,
    };
    let wanted = Wanted {
        topic: &args.topic,
        partition: args.partition,
        start,
        until_end: args.until_end,
        patience: args.timeout,
    };
    let plan = Plan::make(session, wanted).await?;
    Copy::new(args, format, plan).run(session).await
}

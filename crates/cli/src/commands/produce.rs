//! `strand produce`: writes lines as records.

mod batches;
mod input;
mod lines;
mod placement;
mod record;
mod tally;
mod writer;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use client::{CallError, Producer, ProducerSettings, Reason, TopicDescription};
use indicatif::ProgressBar;
use model::batch::Codec;
use model::limits::{BATCH_BYTES_DEFAULT, DECOMPRESSED_BYTES_MAX};
use model::{Acks, Offset, PartitionIndex, TopicName};

use batches::OpenBatches;
use input::Input;
use lines::LineSplitter;
use placement::Placement;
use record::RecordShape;
use tally::Tally;
use writer::{BatchLimits, Writer};

use crate::arguments::{Assignment, Separator, assignment, byte_count, duration, separator};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress;
use crate::session::Session;

const AFTER_HELP: &str = "\
Each line is a record, its bytes untouched; the line feed is not part of it. An empty line is an empty record.

Examples:
  echo hello | strand produce greetings
  strand produce access-log --file access.log --compression zstd
  strand produce orders --key-separator : --header source=shop < orders.txt
  tail -F app.log | strand produce app --json        one line for each acknowledged batch
  strand produce state -p 0 --expect-offset 41 < change      only if nobody wrote since

Each record is written once, however often it has to be sent: through changes of leaders and restarts of brokers, until
--timeout. Behind a record that is not written, none of its partition is.

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
    /// Write only if the first record gets exactly this offset, else nothing: needs --partition
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    expect_offset: Option<u64>,
    /// What to wait for: a quorum has it, or nothing
    #[arg(long, value_enum, default_value_t = AcksChoice::Quorum)]
    acks: AcksChoice,
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

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip,
            Compression::Snappy => Self::Snappy,
            Compression::Lz4 => Self::Lz4,
            Compression::Zstd => Self::Zstd,
        }
    }
}

/// What a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AcksChoice {
    Quorum,
    None,
}

/// What a message holds beside its batch, at most.
const MESSAGE_OVERHEAD_BYTES: u64 = 1024;

pub(crate) async fn run(args: ProduceArgs, session: &Session) -> Result<(), Failure> {
    let name = TopicName::new(&args.topic)
        .map_err(|error| Failure::new(Exit::Refused, "INVALID_TOPIC_NAME", error.to_string()))?;
    let input = Input::open(args.file.as_deref())?;
    let topic = find(session, &args.topic).await?;
    let limits = limits(session, topic.as_ref()).await?;
    let codec = Codec::from(args.compression);
    let splitter = LineSplitter::new(line_bytes_max(codec, limits));
    let batch_bytes_max = args.batch_bytes.min(limits.topic).min(limits.message);
    let settings = ProducerSettings {
        acks: match args.acks {
            AcksChoice::Quorum => Acks::Quorum,
            AcksChoice::None => Acks::None,
        },
        delivery_timeout: args.timeout,
        stops_at_failure: true,
        ..ProducerSettings::default()
    };
    let producer = Producer::open(&session.client, settings);
    let progress = if input.is_typed || session.json() {
        ProgressBar::hidden()
    } else {
        progress::bytes(input.length)
    };
    let mut writer = Writer {
        session,
        topic: name,
        producer: &producer,
        placement: placement(args.partition, topic.as_ref()),
        shape: RecordShape::new(args.key_separator, args.headers),
        codec,
        limits,
        linger: args.linger,
        batches: OpenBatches::new(
            codec,
            usize::try_from(batch_bytes_max).unwrap_or(usize::MAX),
        ),
        tally: Tally::new(session.json()),
        line: 1,
        expected: args.expect_offset.map(Offset::new),
        is_interrupted: false,
    };
    writer.write(input, splitter, &progress).await?;
    let (tally, is_interrupted) = (writer.tally, writer.is_interrupted);
    progress.finish_and_clear();
    if is_interrupted {
        // What has no answer by now is not waited for.
        return tally.conclude().map(drop);
    }
    let closed = producer.close().await;
    let said = tally.conclude()?;
    closed?;
    if session.json() {
        Ok(())
    } else {
        output::write_line(&said)
    }
}

/// The topic, if there is one yet.
async fn find(session: &Session, name: &str) -> Result<Option<TopicDescription>, Failure> {
    match session.admin().get_topic(name).await {
        Ok(topic) => Ok(Some(topic)),
        Err(CallError::Refused(refusal)) if refusal.is(Reason::UnknownTopic) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn limits(
    session: &Session,
    topic: Option<&TopicDescription>,
) -> Result<BatchLimits, Failure> {
    let message = session.admin().describe_cluster().await?.message_bytes_max;
    let topic = topic.and_then(|topic| topic.config("max.message.bytes")?.parse().ok());
    Ok(BatchLimits {
        topic: topic.unwrap_or(BATCH_BYTES_DEFAULT),
        message: message.saturating_sub(MESSAGE_OVERHEAD_BYTES),
    })
}

/// The longest line worth reading: one that does not fit a batch, unless it shrinks.
fn line_bytes_max(codec: Codec, limits: BatchLimits) -> usize {
    match codec {
        // The batch's own check names the topic's limit, so a line a little longer than that is read too.
        Codec::None => {
            usize::try_from(limits.topic.max(limits.message)).unwrap_or(DECOMPRESSED_BYTES_MAX)
        }
        _ => DECOMPRESSED_BYTES_MAX,
    }
}

fn placement(partition: Option<u32>, topic: Option<&TopicDescription>) -> Placement {
    let partitions =
        topic.and_then(|topic| NonZeroU32::new(u32::try_from(topic.partitions.len()).ok()?));
    match (partition, partitions) {
        (Some(partition), _) => Placement::Fixed(PartitionIndex::new(partition)),
        (None, Some(partitions)) => Placement::spread(partitions, std::process::id()),
        (None, None) => Placement::Unknown,
    }
}

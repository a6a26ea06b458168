//! Copies records from the broker to stdout.

use std::io::IsTerminal;
use std::time::Duration;

use client::{Chunk, Consumer, ConsumerSettings};
use indicatif::ProgressBar;
use model::Offset;

use super::format::put_record;
use super::plan::Plan;
use super::sink::Sink;
use super::trouble::tell;
use super::{ConsumeArgs, RecordFormat};
use crate::failure::{Exit, Failure};
use crate::progress;
use crate::session::Session;

/// Bytes that are written in one piece, about.
const PIECE_BYTES: usize = 256 << 10;
/// How long a reader that has stopped reading is waited for after an interrupt.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// What is copied, and how.
#[derive(Debug)]
pub(super) struct Copy {
    args: ConsumeArgs,
    format: RecordFormat,
    plan: Plan,
    /// How many more records are wanted.
    wanted: u64,
    progress: ProgressBar,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Chunk,
    End,
}

impl Copy {
    pub(super) fn new(args: ConsumeArgs, format: RecordFormat, plan: Plan) -> Self {
        let wanted = args.max.unwrap_or(u64::MAX);
        let total = plan.records().or(args.max).map(|total| total.min(wanted));
        // Lines on the terminal would run into the bar.
        let shows = !std::io::stdout().is_terminal();
        let progress = if shows {
            progress::records(total)
        } else {
            ProgressBar::hidden()
        };
        Self {
            args,
            format,
            plan,
            wanted,
            progress,
        }
    }

    /// Copies until the end, an interrupt, or the reader's going away.
    pub(super) async fn run(mut self, session: &Session) -> Result<(), Failure> {
        let mut consumer = Consumer::subscribe(
            &session.client,
            std::mem::take(&mut self.plan.starts),
            ConsumerSettings {
                retry_for: self.args.timeout,
                ..ConsumerSettings::default()
            },
        );
        let trouble = tell(consumer.trouble(), self.args.timeout);
        let sink = Sink::open();
        let (outcome, interrupted) = tokio::select! {
            outcome = self.copy(&mut consumer, &sink) => (outcome, false),
            _ = tokio::signal::ctrl_c() => (Ok(()), true),
            () = trouble => (Ok(()), false),
        };
        self.progress.finish_and_clear();
        let written = if interrupted {
            let patient = tokio::time::timeout(LAST_PATIENCE, sink.close());
            patient.await.unwrap_or(Ok(()))
        } else {
            sink.close().await
        };
        outcome?;
        written.map_err(|error| {
            Failure::new(
                Exit::Failed,
                "OUTPUT",
                format!("cannot write to stdout: {error}"),
            )
        })
    }

    async fn copy(&mut self, consumer: &mut Consumer, sink: &Sink) -> Result<(), Failure> {
        while self.wanted > 0
            && let Some(chunk) = consumer.next().await?
        {
            if self.copy_chunk(&chunk, sink).await? == Next::End {
                return Ok(());
            }
            if self
                .end_of(&chunk)
                .is_some_and(|end| chunk.next_offset >= end)
            {
                consumer.unsubscribe(&chunk.partition);
            }
        }
        Ok(())
    }

    async fn copy_chunk(&mut self, chunk: &Chunk, sink: &Sink) -> Result<Next, Failure> {
        let end = self.end_of(chunk).unwrap_or(Offset::new(u64::MAX));
        let mut piece = Vec::new();
        let mut damage = None;
        for record in chunk.records() {
            let record = match record {
                Ok(record) if record.offset >= end => break,
                Ok(record) => record,
                Err(error) => {
                    damage = Some(error);
                    break;
                }
            };
            put_record(
                &mut piece,
                self.format,
                &self.args.key_separator,
                chunk.partition.partition,
                &record,
            );
            self.wanted -= 1;
            self.progress.inc(1);
            if piece.len() >= PIECE_BYTES && !sink.write(std::mem::take(&mut piece)).await {
                return Ok(Next::End);
            }
            if self.wanted == 0 {
                break;
            }
        }
        if !piece.is_empty() && !sink.write(piece).await {
            return Ok(Next::End);
        }
        match damage {
            Some(error) => Err(error.into()),
            None => Ok(Next::Chunk),
        }
    }

    fn end_of(&self, chunk: &Chunk) -> Option<Offset> {
        self.plan.ends.as_ref()?.get(&chunk.partition).copied()
    }
}

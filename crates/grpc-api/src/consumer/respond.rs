//! Turns what the broker has read into results, in the form that was asked for.

use broker::{FetchAnswer, FetchError, FetchPermit, FetchedPartition};
use model::batch::{Batch, Codec};
use rpc::{Reason, v1, wire_offset};

use super::Asked;
use super::plain::{Budget, Plain, PlainError, decode};
use crate::codec_jobs::CodecJobs;
use crate::failure;
use crate::settings::{RESPONSE_EXTRA_BYTES, Settings};
use crate::topic::describe::partition_index;

/// Turns what the broker has read into results.
#[derive(Clone)]
pub(super) struct Responder {
    jobs: CodecJobs,
    message_bytes_max: usize,
}

/// Results, and the broker's permit for their bytes. Encoded ones need none: they are slices of maps, not memory, and
/// readers that do not read must not keep others from it.
pub(super) struct Results {
    pub(super) results: Vec<v1::FetchResult>,
    /// The stored bytes of the batches whose end was reached.
    pub(super) used_bytes: u64,
    pub(super) permit: FetchPermit,
}

impl Responder {
    pub(super) fn new(jobs: CodecJobs, settings: &Settings) -> Self {
        Self {
            jobs,
            message_bytes_max: settings.message_bytes_max,
        }
    }

    /// The results of partitions that were asked for, in the same order.
    pub(super) async fn respond(
        &self,
        answer: FetchAnswer,
        asked: &[Asked],
        format: v1::RecordFormat,
        bytes_max: u64,
    ) -> Result<Results, v1::Error> {
        let FetchAnswer { partitions, permit } = answer;
        let (results, used_bytes, permit) = match format {
            v1::RecordFormat::Encoded => {
                let (results, used_bytes) = self.encoded(partitions, asked);
                (results, used_bytes, FetchPermit::default())
            }
            v1::RecordFormat::Plain => {
                let (results, used_bytes) = self.plain(partitions, asked, bytes_max).await?;
                (results, used_bytes, permit)
            }
        };
        Ok(Results {
            results,
            used_bytes,
            permit,
        })
    }

    fn encoded(
        &self,
        partitions: Vec<Result<FetchedPartition, FetchError>>,
        asked: &[Asked],
    ) -> (Vec<v1::FetchResult>, u64) {
        let mut used_bytes = 0;
        let result = |(fetched, asked): (Result<FetchedPartition, FetchError>, &Asked)| {
            let mut fetched = match fetched {
                Ok(fetched) => fetched,
                Err(error) => return failed(asked, failure::fetch(&error)),
            };
            if fetched.bytes > self.message_bytes_max as u64 + RESPONSE_EXTRA_BYTES as u64 / 2 {
                return failed(asked, self.batch_too_large(asked, fetched.bytes));
            }
            used_bytes += fetched.bytes;
            v1::FetchResult {
                batches: std::mem::take(&mut fetched.batches),
                next_offset: wire_offset(fetched.next_offset),
                ..ends(asked, &fetched)
            }
        };
        let results = partitions.into_iter().zip(asked).map(result).collect();
        (results, used_bytes)
    }

    async fn plain(
        &self,
        mut partitions: Vec<Result<FetchedPartition, FetchError>>,
        asked: &[Asked],
        bytes_max: u64,
    ) -> Result<(Vec<v1::FetchResult>, u64), v1::Error> {
        let fetched = partitions.iter_mut().map(Result::as_mut);
        let runs: Vec<_> = fetched
            .map(|fetched| {
                fetched
                    .map(|fetched| std::mem::take(&mut fetched.batches))
                    .unwrap_or_default()
            })
            .collect();
        let bytes = runs.iter().flatten().map(bytes::Bytes::len).sum();
        let any_compressed = runs.iter().flatten().any(is_compressed);
        let offsets: Vec<_> = asked.iter().map(|asked| asked.offset).collect();
        let record_max = self.message_bytes_max;
        let mut budget = Budget::new(usize::try_from(bytes_max).unwrap_or(usize::MAX), record_max);
        let decode_all = move || -> Vec<Plain> {
            let each = runs.into_iter().zip(offsets);
            each.map(|(runs, from)| decode(runs, from, &mut budget))
                .collect()
        };
        let decoded = self
            .jobs
            .decompress(any_compressed, bytes, decode_all)
            .await?;
        let used_bytes = decoded.iter().map(|plain| plain.used_bytes).sum();
        let each = partitions.into_iter().zip(decoded).zip(asked);
        let result =
            |((fetched, plain), asked): ((Result<FetchedPartition, FetchError>, Plain), &Asked)| {
                match (fetched, plain.error) {
                    (Err(error), _) => failed(asked, failure::fetch(&error)),
                    (Ok(fetched), Some(error)) => v1::FetchResult {
                        error: Some(plain_error(asked, error)),
                        ..ends(asked, &fetched)
                    },
                    (Ok(fetched), None) => v1::FetchResult {
                        records: plain.records,
                        next_offset: wire_offset(if plain.whole {
                            plain.next_offset.max(fetched.next_offset)
                        } else {
                            plain.next_offset
                        }),
                        ..ends(asked, &fetched)
                    },
                }
            };
        Ok((each.map(result).collect(), used_bytes))
    }

    fn batch_too_large(&self, asked: &Asked, bytes: u64) -> v1::Error {
        let message = format!(
            "the batch at offset {} has {bytes} bytes, the broker's limit for a message is {}; fetch it plain, or raise \
             the limit",
            asked.offset, self.message_bytes_max
        );
        v1::Error::new(Reason::MessageTooLarge, message)
            .with("offset", asked.offset)
            .with("limit", self.message_bytes_max)
            .in_partition(&asked.topic, asked.partition)
    }
}

/// Whether any batch of a run is compressed.
fn is_compressed(run: &bytes::Bytes) -> bool {
    let mut rest = run.clone();
    let batches = std::iter::from_fn(|| Batch::split_off(&mut rest).ok());
    batches
        .into_iter()
        .any(|batch| batch.header().codec() != Ok(Codec::None))
}

fn plain_error(asked: &Asked, error: PlainError) -> v1::Error {
    match error {
        PlainError::Records { error, batch_end } => v1::Error::from(&error)
            .with("offset", asked.offset)
            .with("next_offset", batch_end),
        PlainError::RecordTooLarge { offset, bytes, limit } => {
            let message = format!(
                "the record at offset {offset} has {bytes} bytes, the broker's limit for a message is {limit}; raise \
                 the limit, or skip the record"
            );
            v1::Error::new(Reason::MessageTooLarge, message)
                .with("offset", offset)
                .with("next_offset", offset.next())
                .with("limit", limit)
        }
    }
    .in_partition(&asked.topic, asked.partition)
}

/// A result without records: where the partition ends, and where it was to be read.
fn ends(asked: &Asked, fetched: &FetchedPartition) -> v1::FetchResult {
    v1::FetchResult {
        topic: asked.topic.to_string(),
        partition: partition_index(asked.partition),
        next_offset: wire_offset(asked.offset),
        high_watermark: wire_offset(fetched.high_watermark),
        log_start: wire_offset(fetched.log_start),
        last_stable_offset: wire_offset(fetched.high_watermark),
        ..v1::FetchResult::default()
    }
}

fn failed(asked: &Asked, error: v1::Error) -> v1::FetchResult {
    v1::FetchResult {
        topic: asked.topic.to_string(),
        partition: partition_index(asked.partition),
        next_offset: wire_offset(asked.offset),
        error: Some(error),
        ..v1::FetchResult::default()
    }
}

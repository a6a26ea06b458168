//! Some records of one partition, still encoded.

use bytes::Bytes;
use model::Offset;
use model::batch::{Batch, Record, Records};
use model::limits::DECOMPRESSED_BYTES_MAX;
use rpc::v1;

use super::error::{Damage, DamagedError};
use crate::topic_partition::TopicPartition;
use crate::wire::{self, Problem};

/// Some records of one partition, in order, still encoded.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Whose records.
    pub partition: TopicPartition,
    /// The first offset that was asked for; the first batch may begin before it.
    pub from: Offset,
    /// Where to read on: behind the last record.
    pub next_offset: Offset,
    /// The offset behind the last record that may be read.
    pub high_watermark: Offset,
    /// Each element holds whole batches, one behind the other.
    encoded: Vec<Bytes>,
}

impl Chunk {
    pub(super) fn read(
        partition: TopicPartition,
        from: Offset,
        result: v1::FetchResult,
    ) -> Result<Self, Problem> {
        let next_offset = wire::offset("next_offset", result.next_offset)?;
        if next_offset < from {
            return Err(format!(
                "{partition} is to be read on at {next_offset}, before {from}"
            ));
        }
        Ok(Self {
            from,
            next_offset,
            high_watermark: wire::offset("high_watermark", result.high_watermark)?,
            encoded: result.batches,
            partition,
        })
    }

    /// The batches, their checksums checked, not decompressed. Ends behind the first error.
    pub fn batches(&self) -> impl Iterator<Item = Result<Batch, DamagedError>> {
        let mut rest = self.encoded.iter().cloned();
        let mut bytes = Bytes::new();
        let mut at = self.from;
        let mut done = false;
        std::iter::from_fn(move || {
            while bytes.is_empty() && !done {
                bytes = rest.next()?;
            }
            if done {
                return None;
            }
            let batch =
                Batch::split_off(&mut bytes).and_then(|batch| batch.check_crc().map(|()| batch));
            match batch {
                Ok(batch) => {
                    at = batch.header().end_offset();
                    Some(Ok(batch))
                }
                Err(error) => {
                    done = true;
                    Some(Err(self.damaged(at, Damage::Batch(error))))
                }
            }
        })
    }

    /// The records asked for, decompressed batch by batch. Ends behind the first error.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, DamagedError>> {
        let wanted = self.from..self.next_offset;
        let mut failed = false;
        self.batches()
            .flat_map(|batch| self.records_of(batch))
            .filter(move |record| {
                record
                    .as_ref()
                    .map_or(true, |record| wanted.contains(&record.offset))
            })
            .take_while(move |record| !std::mem::replace(&mut failed, record.is_err()))
    }

    fn records_of(
        &self,
        batch: Result<Batch, DamagedError>,
    ) -> Box<dyn Iterator<Item = Result<Record, DamagedError>> + '_> {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let base = batch.header().base_offset();
        match Records::of(&batch, DECOMPRESSED_BYTES_MAX) {
            Ok(records) => Box::new(records.map(move |record| {
                record.map_err(|error| self.damaged(base, Damage::Records(error)))
            })),
            Err(error) => Box::new(std::iter::once(Err(
                self.damaged(base, Damage::Records(error))
            ))),
        }
    }

    fn damaged(&self, at: Offset, damage: Damage) -> DamagedError {
        DamagedError {
            partition: self.partition.clone(),
            at,
            damage,
        }
    }
}

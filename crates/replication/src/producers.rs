//! What a partition remembers of idempotent producers (KIP-98, KIP-360), as a pure state.
//!
//! It is folded over the log, so every replica has the same. How long a producer has been silent is told by where its
//! last batch stands in the log, never by the batches' own timestamps: a client's clock may show anything. When the log
//! was how long, the leader knows, and proposes an offset below which producers are forgotten.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, BufMut, BytesMut};
use model::batch::{BatchHeader, ProducerStamp};
use model::{Offset, ProducerId};

use crate::answer::ProduceRefusal;

/// How many of a producer's last batches can be retried: as many as Kafka clients keep in flight.
const BATCHES_REMEMBERED: usize = 5;
/// Most producers remembered; beyond, the tenth that has been silent the longest is forgotten.
pub(crate) const PRODUCERS_MAX: usize = 10_000;

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    Duplicate { base_offset: Offset },
    Refuse(ProduceRefusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: Offset,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Producer {
    epoch: i16,
    /// Oldest first; never empty.
    batches: VecDeque<Remembered>,
}

impl Producer {
    /// Where its last batch stands.
    fn last_offset(&self) -> Offset {
        self.batches
            .back()
            .map_or(Offset::ZERO, |last| last.base_offset)
    }
}

/// The producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producers(BTreeMap<u64, Producer>);

impl Producers {
    /// What becomes of a batch with this header; `None` of batches without a producer: append.
    pub(crate) fn judge(&self, header: &BatchHeader) -> Verdict {
        let Some(stamp) = header.producer() else {
            return Verdict::Append;
        };
        let Some(producer) = self.0.get(&stamp.id.get()) else {
            return Verdict::Append;
        };
        if stamp.epoch < producer.epoch {
            return Verdict::Refuse(ProduceRefusal::Fenced {
                producer: stamp.id,
                current_epoch: producer.epoch,
                found: stamp.epoch,
            });
        }
        if stamp.epoch > producer.epoch {
            return expect_sequence(stamp, 0);
        }
        let last_sequence = last_sequence(stamp, header);
        let same = |known: &&Remembered| {
            known.first_sequence == stamp.base_sequence && known.last_sequence == last_sequence
        };
        if let Some(known) = producer.batches.iter().find(same) {
            return Verdict::Duplicate {
                base_offset: known.base_offset,
            };
        }
        let Some(last) = producer.batches.back() else {
            return expect_sequence(stamp, 0);
        };
        let expected = sequence_after(last.last_sequence);
        // Sequences wrap, so "before" is judged by the shorter way round.
        let behind = expected.wrapping_sub(stamp.base_sequence) & i32::MAX;
        if behind != 0 && behind < 1 << 30 {
            return Verdict::Refuse(ProduceRefusal::DuplicateSequence {
                producer: stamp.id,
                expected,
                found: stamp.base_sequence,
            });
        }
        expect_sequence(stamp, expected)
    }

    /// Takes note of a batch that stands in the log.
    pub(crate) fn record(&mut self, header: &BatchHeader) {
        let Some(stamp) = header.producer() else {
            return;
        };
        let producer = self.0.entry(stamp.id.get()).or_insert_with(|| Producer {
            epoch: stamp.epoch,
            batches: VecDeque::new(),
        });
        if stamp.epoch != producer.epoch {
            producer.epoch = stamp.epoch;
            producer.batches.clear();
        }
        producer.batches.push_back(Remembered {
            first_sequence: stamp.base_sequence,
            last_sequence: last_sequence(stamp, header),
            base_offset: header.base_offset(),
        });
        if producer.batches.len() > BATCHES_REMEMBERED {
            producer.batches.pop_front();
        }
        if self.0.len() > PRODUCERS_MAX {
            self.forget_the_silent();
        }
    }

    /// Forgets whose last batch stands below this offset.
    pub(crate) fn expire(&mut self, below: Offset) {
        self.0.retain(|_, producer| producer.last_offset() >= below);
    }

    /// Whether there is anybody whom [`Producers::expire`] would forget.
    pub(crate) fn any_below(&self, below: Offset) -> bool {
        self.0
            .values()
            .any(|producer| producer.last_offset() < below)
    }

    fn forget_the_silent(&mut self) {
        let mut by_age: Vec<_> = self
            .0
            .iter()
            .map(|(id, p)| (p.last_offset(), *id))
            .collect();
        by_age.sort_unstable();
        for (_, id) in by_age.into_iter().take(PRODUCERS_MAX / 10) {
            self.0.remove(&id);
        }
    }

    /// `u32 producers, each: u64 id, i16 epoch, u8 batches, each: i32 first, i32 last, u64 offset`.
    pub(crate) fn encode(&self, bytes: &mut BytesMut) {
        bytes.put_u32(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        for (id, producer) in &self.0 {
            bytes.put_u64(*id);
            bytes.put_i16(producer.epoch);
            bytes.put_u8(u8::try_from(producer.batches.len()).unwrap_or(u8::MAX));
            for batch in &producer.batches {
                bytes.put_i32(batch.first_sequence);
                bytes.put_i32(batch.last_sequence);
                bytes.put_u64(batch.base_offset.get());
            }
        }
    }

    /// Reads what [`Producers::encode`] wrote off `bytes`.
    pub(crate) fn decode(bytes: &mut impl Buf) -> Option<Self> {
        let mut producers = BTreeMap::new();
        for _ in 0..bytes.try_get_u32().ok()? {
            let id = bytes.try_get_u64().ok()?;
            let epoch = bytes.try_get_i16().ok()?;
            let mut batches = VecDeque::new();
            for _ in 0..bytes.try_get_u8().ok()? {
                batches.push_back(Remembered {
                    first_sequence: bytes.try_get_i32().ok()?,
                    last_sequence: bytes.try_get_i32().ok()?,
                    base_offset: Offset::new(bytes.try_get_u64().ok()?),
                });
            }
            if batches.is_empty() {
                return None;
            }
            producers.insert(id, Producer { epoch, batches });
        }
        Some(Self(producers))
    }
}

fn expect_sequence(stamp: ProducerStamp, expected: i32) -> Verdict {
    if stamp.base_sequence == expected {
        return Verdict::Append;
    }
    Verdict::Refuse(ProduceRefusal::OutOfOrderSequence {
        producer: stamp.id,
        expected,
        found: stamp.base_sequence,
    })
}

/// The sequence number of the batch's last record; they wrap to 0 behind `i32::MAX`.
fn last_sequence(stamp: ProducerStamp, header: &BatchHeader) -> i32 {
    stamp
        .base_sequence
        .wrapping_add(header.last_offset_delta().max(0))
        & i32::MAX
}

fn sequence_after(last: i32) -> i32 {
    last.wrapping_add(1) & i32::MAX
}

/// A producer id as the answer formats hold it.
pub(crate) fn producer_id(number: u64) -> ProducerId {
    ProducerId::new(number)
}

#[cfg(test)]
mod tests;

//! What the two kinds of groups do with a committed entry: a partition, and a state machine fed with commands. No I/O.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::Offset;
use model::batch::BatchHeader;

use super::proposal::LogStart;
use crate::producers::Producers;
use crate::state_group::StateMachine;

/// The part of a group's state that differs between the kinds.
pub(crate) trait Machine: Send + Sync + 'static {
    /// A batch of records was committed.
    fn batch(&mut self, header: &BatchHeader);

    /// A log start was committed, with the high watermark there; returns the log start now in force.
    fn log_start(&mut self, start: LogStart, high_watermark: Offset) -> Offset;

    /// A command was committed; returns its answer.
    fn command(&mut self, command: &[u8]) -> Bytes;

    /// The producers as of the last committed entry.
    fn producers(&self) -> Producers;

    /// The first offset that clients may read.
    fn first_offset(&self) -> Offset;

    /// Everything below is gone from the log.
    fn purged_below(&mut self, offset: Offset);

    /// Whether the log is needed from this offset on, or only behind the newest checkpoint.
    fn keeps_log_from(&self) -> Option<Offset>;

    fn encode(&self, bytes: &mut BytesMut);

    /// Replaces the state by an encoded one.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// Whether bytes that came from another replica would restore a state, as far as that can be told without one.
    fn makes_sense(_bytes: &[u8]) -> bool {
        true
    }
}

/// A partition: `u64 log start`, then the producers, then the manifest of settled segments: `u32 count`, 0 until there are
/// any. What was written before there was a manifest ends where it would begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partition {
    log_start: Offset,
    producers: Producers,
}

impl Partition {
    /// Whether there is a producer whose last batch stands below this offset.
    pub(crate) fn producers_below(&self, offset: Offset) -> bool {
        self.producers.any_below(offset)
    }
}

impl Machine for Partition {
    fn batch(&mut self, header: &BatchHeader) {
        self.producers.record(header);
    }

    fn log_start(&mut self, start: LogStart, high_watermark: Offset) -> Offset {
        self.producers.expire(start.producers_below);
        self.log_start = self.log_start.max(start.to.min(high_watermark));
        self.log_start
    }

    fn command(&mut self, _command: &[u8]) -> Bytes {
        Bytes::new()
    }

    fn producers(&self) -> Producers {
        self.producers.clone()
    }

    fn first_offset(&self) -> Offset {
        self.log_start
    }

    fn purged_below(&mut self, offset: Offset) {
        self.log_start = self.log_start.max(offset);
    }

    fn keeps_log_from(&self) -> Option<Offset> {
        Some(self.log_start)
    }

    fn encode(&self, bytes: &mut BytesMut) {
        bytes.put_u64(self.log_start.get());
        self.producers.encode(bytes);
        bytes.put_u32(0);
    }

    fn restore(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        let decode = |bytes: &mut &[u8]| {
            Some(Self {
                log_start: Offset::new(bytes.try_get_u64().ok()?),
                producers: Producers::decode(bytes)?,
            })
        };
        let restored = decode(&mut bytes).ok_or("the producers make no sense")?;
        match bytes {
            [] | [0, 0, 0, 0] => *self = restored,
            _ => return Err("it has settled segments, which this version cannot read".to_owned()),
        }
        Ok(())
    }

    fn makes_sense(bytes: &[u8]) -> bool {
        Self::default().restore(bytes).is_ok()
    }
}

/// A state group's machine.
pub(crate) struct Commands<M>(pub(crate) M);

impl<M: StateMachine> Machine for Commands<M> {
    fn batch(&mut self, _header: &BatchHeader) {}

    fn log_start(&mut self, _start: LogStart, _high_watermark: Offset) -> Offset {
        Offset::ZERO
    }

    fn command(&mut self, command: &[u8]) -> Bytes {
        self.0.apply(command)
    }

    fn producers(&self) -> Producers {
        Producers::default()
    }

    fn first_offset(&self) -> Offset {
        Offset::ZERO
    }

    fn purged_below(&mut self, _offset: Offset) {}

    fn keeps_log_from(&self) -> Option<Offset> {
        None
    }

    fn encode(&self, bytes: &mut BytesMut) {
        bytes.put(self.0.snapshot());
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.restore(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_reads_back_with_and_without_a_manifest_and_no_cut_of_it_panics() {
        let partition = Partition {
            log_start: Offset::new(7),
            producers: Producers::default(),
        };
        let mut bytes = BytesMut::new();
        partition.encode(&mut bytes);
        assert_eq!(bytes[..], [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        for (kept, reads) in [(16, true), (12, true), (15, false), (11, false), (0, false)] {
            let mut found = Partition::default();
            assert_eq!(found.restore(&bytes[..kept]).is_ok(), reads, "{kept}");
            assert_eq!(found == partition, reads, "{kept}");
        }
        bytes[15] = 1;
        let settled = Partition::default().restore(&bytes).unwrap_err();
        assert!(settled.contains("settled segments"), "{settled}");
    }
}

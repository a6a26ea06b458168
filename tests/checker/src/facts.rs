//! What the rules look at: operations sorted by partition, and which value was seen where.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::history::{Action, End, Finish, Operation, Seen};

/// A history, gathered.
pub(super) struct Facts<'a> {
    pub(super) operations: &'a [Operation],
    pub(super) partitions: BTreeMap<u32, Partition<'a>>,
}

/// What happened to one partition, each list in the order in which things began.
#[derive(Default)]
pub(super) struct Partition<'a> {
    pub(super) sends: Vec<Send<'a>>,
    pub(super) polls: Vec<Poll<'a>>,
    pub(super) ends: Vec<ToldEnd<'a>>,
    /// Which send a value is of, and its place in that batch.
    pub(super) sent: HashMap<&'a str, (usize, u64)>,
    /// The version order: what polls saw at each offset, and what acknowledgements promise there.
    pub(super) versions: BTreeMap<u64, BTreeSet<&'a str>>,
    /// At which offsets polls saw a value.
    pub(super) seen: HashMap<&'a str, BTreeSet<u64>>,
    /// The highest log start that anybody was told: records below it may be gone.
    pub(super) log_start: u64,
}

/// A batch that somebody sent.
pub(super) struct Send<'a> {
    pub(super) operation: &'a Operation,
    pub(super) values: &'a [String],
    /// The acknowledged offset of its first value.
    pub(super) acked: Option<u64>,
}

/// A fetch that was answered.
pub(super) struct Poll<'a> {
    pub(super) operation: &'a Operation,
    pub(super) last_reading: bool,
    pub(super) seen: &'a Seen,
}

/// An end of the partition that somebody was told.
pub(super) struct ToldEnd<'a> {
    pub(super) operation: &'a Operation,
    pub(super) end: End,
    pub(super) offset: u64,
}

impl<'a> Facts<'a> {
    pub(super) fn gather(operations: &'a [Operation]) -> Self {
        let mut partitions: BTreeMap<u32, Partition<'a>> = BTreeMap::new();
        for operation in operations {
            match &operation.action {
                Action::Send {
                    partition,
                    values,
                    offset,
                } => {
                    let acked = offset.filter(|_| operation.finish == Finish::Ok);
                    let send = Send {
                        operation,
                        values,
                        acked,
                    };
                    partitions.entry(*partition).or_default().add_send(send);
                }
                Action::Poll {
                    partition,
                    last_reading,
                    seen: Some(seen),
                    ..
                } => {
                    let poll = Poll {
                        operation,
                        last_reading: *last_reading,
                        seen,
                    };
                    partitions.entry(*partition).or_default().add_poll(poll);
                }
                Action::ListOffsets {
                    partition,
                    end,
                    offset: Some(offset),
                } => {
                    let told = ToldEnd {
                        operation,
                        end: *end,
                        offset: *offset,
                    };
                    partitions.entry(*partition).or_default().add_end(told);
                }
                Action::Poll { seen: None, .. }
                | Action::ListOffsets { offset: None, .. }
                | Action::Heal => {}
            }
        }
        Self {
            operations,
            partitions,
        }
    }
}

impl<'a> Partition<'a> {
    fn add_send(&mut self, send: Send<'a>) {
        let place = self.sends.len();
        for (index, value) in (0..).zip(send.values) {
            self.sent.insert(value, (place, index));
            if let Some(base) = send.acked {
                self.versions.entry(base + index).or_default().insert(value);
            }
        }
        self.sends.push(send);
    }

    fn add_poll(&mut self, poll: Poll<'a>) {
        let Poll {
            operation, seen, ..
        } = poll;
        for (offset, value) in &seen.records {
            self.versions.entry(*offset).or_default().insert(value);
            self.seen.entry(value).or_default().insert(*offset);
        }
        if seen.confirmed {
            self.add_end(ToldEnd {
                operation,
                end: End::Latest,
                offset: seen.high_watermark,
            });
            self.add_end(ToldEnd {
                operation,
                end: End::Earliest,
                offset: seen.log_start,
            });
        } else {
            self.log_start = self.log_start.max(seen.log_start);
        }
        self.polls.push(poll);
    }

    fn add_end(&mut self, told: ToldEnd<'a>) {
        if told.end == End::Earliest {
            self.log_start = self.log_start.max(told.offset);
        }
        self.ends.push(told);
    }

    /// The offset of a send's first value: acknowledged, or worked out from a value that was read.
    pub(super) fn base_of(&self, send: &Send<'_>) -> Option<u64> {
        send.acked.or_else(|| {
            (0..).zip(send.values).find_map(|(index, value)| {
                let first = self.seen.get(value.as_str())?.first()?;
                first.checked_sub(index)
            })
        })
    }

    /// The first offset between two that a record is known at.
    pub(super) fn first_between(&self, last: u64, next: u64) -> Option<u64> {
        let from = (last + 1).max(self.log_start);
        if from >= next {
            return None;
        }
        self.versions
            .range(from..next)
            .next()
            .map(|(offset, _)| *offset)
    }
}

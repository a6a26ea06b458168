//! What must hold at every moment, and among all replicas at the end.

use std::collections::BTreeMap;

use model::batch::Batch;
use model::{LogIndex, Offset, ReplicaId};
use replication::LogGroup;

use crate::cluster::{Cluster, Found};

/// Bytes that are read of a replica in one step.
const STEP_BYTES: usize = 64 << 10;

/// What has been committed, as far as was seen.
#[derive(Default)]
pub(crate) struct Truth {
    /// By base offset: end offset, term and checksum of each batch.
    batches: BTreeMap<u64, (u64, u64, u32)>,
    leaders: BTreeMap<u64, ReplicaId>,
    /// By process start: up to where its batches were compared, and its ends when it was looked at last.
    seen: BTreeMap<(ReplicaId, u64), Seen>,
    pub(crate) compared: u64,
    /// Whether the replica that is looked at was damaged.
    may_be_bad: bool,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    compared_to: u64,
    high_watermark: u64,
    log_start: u64,
    term: u64,
}

impl Truth {
    /// Looks at every replica that is up.
    pub(crate) fn check(&mut self, cluster: &Cluster) {
        let mut wrong = Vec::new();
        let up: Vec<_> = {
            let mut state = cluster.lock();
            let up: Vec<_> = state.up().collect();
            state.watermarks_only_grow(&up);
            up
        };
        for found in &up {
            self.may_be_bad = cluster.lock().may_be_bad(found.replica);
            if let Err(what) = self.check_replica(found) {
                wrong.push(format!("replica {}: {what}", found.replica));
            }
        }
        wrong.extend(quorum_is_durable(cluster, &up));
        for what in wrong {
            cluster.violation(what);
        }
    }

    fn check_replica(&mut self, found: &Found) -> Result<(), String> {
        let Found {
            replica,
            group,
            status,
            ..
        } = found;
        let ends = group.log().ends();
        let (start, watermark) = (status.log_start.get(), status.high_watermark.get());
        let log_end = group.status().log_end.get();
        let key = (*replica, found.incarnation);
        if start > watermark || watermark > log_end {
            return Err(format!(
                "log start {start}, high watermark {watermark}, log end {log_end}"
            ));
        }
        if ends.first_offset > status.log_start {
            return Err(format!("{:?} is purged above the log start {start}", ends));
        }
        let term = status.term.get();
        if status.leader == Some(*replica) && status.serves {
            let leader = *self.leaders.entry(term).or_insert(*replica);
            if leader != *replica {
                return Err(format!("leads term {term}, as replica {leader} does"));
            }
        }
        // A group that is opened again is another one.
        let mut seen = self.seen.get(&key).copied().unwrap_or_default();
        if seen.high_watermark > watermark || seen.log_start > start || seen.term > term {
            return Err(format!(
                "went back: high watermark {} to {watermark}, log start {} to {start}, term {} to {term}",
                seen.high_watermark, seen.log_start, seen.term
            ));
        }
        seen.high_watermark = watermark;
        seen.log_start = start;
        seen.term = term;
        seen.compared_to = self.compare(group, seen.compared_to.max(start), watermark)?;
        self.seen.insert(key, seen);
        Ok(())
    }

    /// Compares committed batches with what others have committed; returns up to where.
    fn compare(&mut self, group: &LogGroup, from: u64, to: u64) -> Result<u64, String> {
        let mut at = from;
        while at < to {
            let Ok(fetched) = group.read(Offset::new(at), STEP_BYTES) else {
                // Trimmed meanwhile, or the disk refuses.
                return Ok(at);
            };
            if fetched.bytes == 0 {
                // Others were faster: it is committed, and not yet written here.
                return Ok(at);
            }
            for mut run in fetched.batches {
                while let Ok(batch) = Batch::split_off(&mut run) {
                    match batch.check_crc() {
                        Err(_) if self.may_be_bad => return Ok(at),
                        checked => checked.map_err(|error| error.to_string())?,
                    }
                    self.compare_batch(&batch)?;
                }
            }
            at = fetched.next_offset.get();
        }
        Ok(at)
    }

    fn compare_batch(&mut self, batch: &Batch) -> Result<(), String> {
        let header = batch.header();
        let base = header.base_offset().get();
        let term = header.term().map_or(0, |term| term.get());
        let this = (header.end_offset().get(), term, header.crc());
        let known = *self.batches.entry(base).or_insert(this);
        self.compared += 1;
        if known == this {
            return Ok(());
        }
        Err(format!(
            "offset {base} holds (end, term, checksum) {this:?}, another replica has committed {known:?} there"
        ))
    }
}

/// What a leader has committed is durable on most of its voters, where all of them can be asked.
fn quorum_is_durable(cluster: &Cluster, up: &[Found]) -> Option<String> {
    let leader = up.iter().find(|found| found.status.serves)?;
    let watermark = leader.status.high_watermark;
    let voters = leader.group.members().voters;
    let state = cluster.lock();
    if state.plan.is_moving() || state.world.is_page_cache() {
        return None;
    }
    let of = |replica: &ReplicaId| up.iter().find(|found| found.replica == *replica);
    let all: Option<Vec<_>> = voters.iter().map(of).collect();
    let durable = all?
        .iter()
        .filter(|found| found.group.log().ends().durable_offset >= watermark)
        .count();
    (durable * 2 <= voters.len()).then(|| {
        format!(
            "replica {} shows {watermark} as committed, which {durable} of {} voters have on disk",
            leader.replica,
            voters.len()
        )
    })
}

/// At rest, replicas hold the same bytes where both hold something. Rule 14.
pub(crate) fn compare_at_rest(up: &[Found]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut entries: BTreeMap<u64, (ReplicaId, Vec<u8>)> = BTreeMap::new();
    for found in up {
        let ends = found.group.log().ends();
        let mut at = ends.first_index;
        while at < ends.end_index {
            let read = match found
                .group
                .log()
                .read_entries(at..ends.end_index, STEP_BYTES)
            {
                Ok(read) => read,
                Err(error) => {
                    wrong.push(format!("replica {} cannot be read: {error}", found.replica));
                    break;
                }
            };
            let Some((last, _)) = read.last() else { break };
            at = LogIndex::new(last.get() + 1);
            for (index, batch) in read {
                let bytes = batch.to_bytes().to_vec();
                let (other, known) = entries
                    .entry(index.get())
                    .or_insert_with(|| (found.replica, bytes.clone()));
                if *known != bytes {
                    wrong.push(format!(
                        "entry {index} differs between replicas {other} and {}",
                        found.replica
                    ));
                }
            }
        }
    }
    wrong
}

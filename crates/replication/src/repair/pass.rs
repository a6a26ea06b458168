//! One pass of a repair: copies what others have, and asks the leader about what nobody has.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use model::{LogId, LogIndex, ReplicaId};
use segment_log::{LogRepair, MissingRange, RepairError};

use super::ask::Others;
use super::task::UnderRepair;
use super::wire::Standing;
use crate::process;
use crate::raft::pace::Pace;
use crate::raft::shared::{GroupVotes, StoredSnapshot};
use crate::raft::types::{Vote, from_raft};

/// A repair and who helps.
pub(super) struct Pass {
    pub(super) repair: UnderRepair,
    pub(super) others: Others,
    pub(super) votes: GroupVotes,
    pub(super) pace: Arc<Pace>,
}

/// How a pass has ended.
#[derive(Debug)]
pub(super) enum Passed {
    /// Nothing is missing any more.
    Whole,
    /// Something is, for this reason.
    Waiting(String),
}

impl Pass {
    /// Copies and asks until nothing changes any more.
    pub(super) async fn run(&self) -> Result<Passed, String> {
        loop {
            let (is_whole, missing) = self
                .with(|repair| (repair.is_whole(), repair.missing()))
                .await?;
            if is_whole {
                return Ok(Passed::Whole);
            }
            if self.reach_nothing().await? {
                continue;
            }
            let mut copied = 0;
            let mut reason = String::new();
            for range in &missing {
                match self.copy(range).await? {
                    Copied::Some(entries) => copied += entries,
                    Copied::None(why) => reason = why,
                }
            }
            if copied > 0 {
                continue;
            }
            let why = match self.others.standing().await {
                Ok((leader, standing)) if self.reach(leader, &standing).await? => continue,
                Ok((_, standing)) if self.follow(&standing, missing.first()).await? => continue,
                Ok(_) => String::new(),
                Err(why) => why,
            };
            let missed = missing.first().map(|range| range.first);
            if !self.take_any_snapshot(missed).await? {
                let reasons = [reason, why];
                let known: Vec<_> = reasons.into_iter().filter(|r| !r.is_empty()).collect();
                return Ok(Passed::Waiting(known.join("; ")));
            }
        }
    }

    /// Takes the snapshot of any replica, whether it leads or not, where that leads on: in the place of a lost one, if it
    /// reaches up to the log's first entry; in the place of entries that nobody has any more, if it stands behind the
    /// first of them. With too few sound replicas nobody leads, and those that have deleted what is missing here may
    /// wait for this one's vote. What a snapshot holds was committed, whoever stored it. False where nobody has one.
    async fn take_any_snapshot(&self, missing: Option<LogIndex>) -> Result<bool, String> {
        let wanted = self.with(move |repair| {
            let (is_lost, first) = (repair.lost_snapshot().is_some(), repair.first_index());
            // Where the table of terms is lost, the leader's is what is needed.
            let missing = missing.filter(|_| repair.lost_terms().is_none());
            match (is_lost, missing) {
                (true, _) => Some(first),
                (false, missing) => missing.map(LogIndex::next),
            }
        });
        let Some(wanted) = wanted.await? else {
            return Ok(false);
        };
        let reaches = |bytes: &Bytes| {
            let snapshot = StoredSnapshot::read(bytes.clone());
            snapshot.is_some_and(|found| found.position.next() >= wanted)
        };
        let Ok(bytes) = self.others.snapshot(reaches).await else {
            return Ok(false);
        };
        let taken = self.with(move |repair| match StoredSnapshot::read(bytes) {
            Some(found) => start_behind(repair, &found, true),
            None => Ok(false),
        });
        taken.await?.map_err(|error| error.to_string())
    }

    /// Copies one range, from whoever has it, as far as it is had.
    async fn copy(&self, range: &MissingRange) -> Result<Copied, String> {
        let mut next = range.first;
        let mut reasons = Vec::new();
        for replica in (self.others.replicas)() {
            loop {
                let entries = match self.others.entries(replica, next, range.end).await {
                    Ok(entries) => entries,
                    Err(reason) => {
                        reasons.push(reason);
                        break;
                    }
                };
                if next == range.first && self.contradicts(replica, next).await? {
                    return Ok(Copied::Some(1));
                }
                let bytes = entries
                    .batches
                    .iter()
                    .map(|batch| batch.total_bytes() as u64);
                self.pace.take(bytes.sum()).await;
                let first = entries.first;
                let filled = self
                    .with(move |repair| repair.fill(first, &entries.batches))
                    .await?;
                match filled {
                    Ok(filled) => {
                        next = next.plus(filled.taken as u64);
                        let goes_on = filled.next.is_some_and(|more| more.first == next);
                        if !goes_on {
                            return Ok(Copied::Some(next.since(range.first).max(1)));
                        }
                        if filled.taken == 0 {
                            break;
                        }
                    }
                    Err(error) => {
                        reasons.push(format!("replica {replica}: {error}"));
                        break;
                    }
                }
            }
        }
        Ok(match next.since(range.first) {
            0 => Copied::None(reasons.join("; ")),
            copied => Copied::Some(copied),
        })
    }

    /// Whether a replica has another entry right before the first missing one. Then that is missing, too: it stands beside
    /// bad bytes, and its checksum does not tell whether it belongs there.
    async fn contradicts(&self, replica: ReplicaId, first: LogIndex) -> Result<bool, String> {
        let Some(before) = first.previous() else {
            return Ok(false);
        };
        let Ok(copied) = self.others.entries(replica, before, first).await else {
            return Ok(false);
        };
        let copy = copied.batches.into_iter().next();
        let Some(copy) = copy.filter(|_| copied.first == before) else {
            return Ok(false);
        };
        let distrusted = self.with(move |repair| {
            let own = repair.read_entries(before..first, 1)?;
            let is_other = own.first().is_some_and(|(_, own)| {
                let is_same_entry = own.header().term() == copy.header().term();
                is_same_entry && *own != copy && copy.check_crc().is_ok()
            });
            if !is_other {
                return Ok(false);
            }
            tracing::warn!(log = %repair.path().display(), entry = %before, %replica, "an entry beside damage is another one elsewhere: it is copied");
            repair.distrust_before(first)
        });
        distrusted
            .await?
            .map_err(|error: RepairError| error.to_string())
    }

    /// A replica that has never saved a vote has acknowledged nothing: a hidden tail hides nothing then.
    async fn reach_nothing(&self) -> Result<bool, String> {
        let votes = self.votes.clone();
        let reached = self.with(move |repair| {
            if !repair.hides_tail() || votes.votes.read(&votes.key)?.is_some() {
                return Ok(false);
            }
            let reached = repair.reach(repair.durable_index());
            reached.map(|()| true).map_err(io::Error::other)
        });
        reached.await?.map_err(|error| error.to_string())
    }

    /// Where the tail is hidden: copies are to lead up to the leader's end, and its term is the least to vote in, as if it
    /// had sent them. False where the tail is known.
    async fn reach(&self, leader: ReplicaId, standing: &Standing) -> Result<bool, String> {
        let (votes, end) = (self.votes.clone(), standing.end);
        let Some((term, _)) = standing.rank() else {
            return Ok(false);
        };
        let vote = Vote::new_committed(term.get(), leader.get());
        let reached = self.with(move |repair| {
            if !repair.hides_tail() {
                return Ok(false);
            }
            tracing::warn!(log = %repair.path().display(), %end, "the last segment cannot be read whole: it must reach what the leader has");
            votes.votes.raise(&votes.key, vote)?;
            let reached = repair.reach(end);
            reached.map(|()| true).map_err(io::Error::other)
        });
        reached.await?.map_err(|error: io::Error| error.to_string())
    }

    /// Does what a confirmed leader's log demands. False where that is nothing.
    async fn follow(
        &self,
        standing: &Standing,
        missing: Option<&MissingRange>,
    ) -> Result<bool, String> {
        let standing = standing.clone();
        let missing = missing.map(|range| range.first);
        let followed = self.with(move |repair| follow(repair, &standing, missing));
        followed.await?.map_err(|error| error.to_string())
    }

    /// Works on the log, which blocks.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut LogRepair) -> T + Send + 'static,
    ) -> Result<T, String> {
        let repair = self.repair.clone();
        let done = process::blocking(move || repair.lock().as_mut().map(act)).await;
        let done = done.map_err(|error| error.to_string())?;
        done.ok_or_else(|| "the repair was ended".to_owned())
    }
}

enum Copied {
    Some(u64),
    None(String),
}

fn follow(
    repair: &mut LogRepair,
    standing: &Standing,
    missing: Option<LogIndex>,
) -> io::Result<bool> {
    let snapshot = standing.snapshot.clone().and_then(StoredSnapshot::read);
    if repair.lost_start().is_some() {
        // Its own snapshot stands where the log starts, or behind that.
        let own = repair.read_snapshot().ok().flatten();
        let own = own.and_then(StoredSnapshot::read);
        return match own.filter(|own| own.position.last.is_some()) {
            Some(own) => start_behind(repair, &own, false),
            None => snapshot.map_or(Ok(false), |leader| start_behind(repair, &leader, true)),
        };
    }
    let begins = standing.terms.first().map(|(_, first, _)| *first);
    if repair.lost_terms().is_some() {
        if begins.is_some_and(|begins| begins <= repair.first_index()) {
            let adopted = repair.adopt_terms(&standing.terms);
            return adopted.map(|()| true).map_err(io::Error::other);
        }
        return snapshot.map_or(Ok(false), |leader| start_behind(repair, &leader, true));
    }
    if repair.lost_snapshot().is_some() {
        return replace_snapshot(repair, standing, snapshot);
    }
    let Some(missing) = missing else {
        return Ok(false);
    };
    let is_below = |snapshot: &StoredSnapshot| snapshot.position.next() > missing;
    if let Some(leader) = snapshot.filter(is_below) {
        return start_behind(repair, &leader, true);
    }
    let here = repair.term_at(missing);
    // A confirmed leader has all that was committed in its own and earlier terms: what is behind its end was not.
    let is_other = match standing.term_at(missing) {
        Some(term) => missing < standing.applied && here != Some(term),
        None => missing >= standing.end,
    };
    if is_other {
        tracing::warn!(log = %repair.path().display(), from = %missing, "the committed log has other entries: cut");
        repair.cut_from(missing).map_err(io::Error::other)?;
    }
    Ok(is_other)
}

/// Takes the leader's snapshot in the place of a lost one. It may stand where entries are deleted here: then the log
/// starts there too, and these are copied.
fn replace_snapshot(
    repair: &mut LogRepair,
    standing: &Standing,
    leader: Option<StoredSnapshot>,
) -> io::Result<bool> {
    let leads_up = |leader: &StoredSnapshot| leader.position.next() >= repair.first_index();
    if leader.as_ref().is_some_and(leads_up) {
        return leader.map_or(Ok(false), |leader| start_behind(repair, &leader, true));
    }
    if standing.applied < repair.first_index() {
        return Ok(false);
    }
    let start = match &leader {
        None => {
            repair.remove_snapshot().map_err(io::Error::other)?;
            None
        }
        Some(leader) => {
            let Some(last) = leader.position.last else {
                return Ok(false);
            };
            let written = repair.write_snapshot(&leader.bytes);
            written.map_err(io::Error::other)?;
            Some((from_raft(last)?, leader.position.high_watermark))
        }
    };
    let started = repair.start_before(start, &standing.terms);
    started.map(|()| true).map_err(io::Error::other)
}

fn start_behind(
    repair: &mut LogRepair,
    snapshot: &StoredSnapshot,
    is_foreign: bool,
) -> io::Result<bool> {
    let Some(last) = snapshot.position.last else {
        return Ok(false);
    };
    let last: LogId = from_raft(last)?;
    if is_foreign {
        repair
            .write_snapshot(&snapshot.bytes)
            .map_err(io::Error::other)?;
    }
    let behind = snapshot.position.high_watermark;
    repair
        .start_behind(last, behind)
        .map_err(io::Error::other)?;
    Ok(true)
}

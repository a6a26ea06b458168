//! Makes a log in doubt that of a confirmed leader, up to the end that this one had.

use std::io;
use std::sync::Arc;

use model::batch::Batch;
use model::{LogId, LogIndex, ReplicaId, Term};
use segment_log::Log;

use crate::raft::pace::Pace;
use crate::raft::shared::{StoredSnapshot, blocking};
use crate::raft::types::from_raft;
use crate::repair::ask::Others;
use crate::repair::wire::Standing;

/// The log, and who helps.
pub(super) struct Following {
    pub(super) log: Log,
    pub(super) others: Others,
    pub(super) pace: Arc<Pace>,
}

/// The log is now that of this leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Followed {
    pub(super) leader: ReplicaId,
    /// Its term.
    pub(super) term: Term,
}

impl Following {
    /// Asks who leads, and takes over its log. What is copied is synced.
    ///
    /// # Errors
    /// Why not yet, for people; to be called again.
    pub(super) async fn run(&self) -> Result<Followed, String> {
        let (leader, standing) = self.others.standing().await?;
        let Some((term, _)) = standing.rank() else {
            return Err(format!("the standing of leader {leader} makes no sense"));
        };
        self.take_over(leader, &standing).await?;
        Ok(Followed { leader, term })
    }

    /// Takes over the log of whoever holds the most, where that is more than is held here. For where no leader is left
    /// who would be confirmed, and loss is accepted: what anybody still holds need not be lost.
    ///
    /// # Errors
    /// Why not yet, for people; to be called again.
    pub(super) async fn run_unconfirmed(&self) -> Result<(), String> {
        let Some((replica, holdings)) = self.others.most_holdings().await else {
            return Ok(());
        };
        let log = self.log.clone();
        let own = blocking(move || Standing::of(&log).map_err(io::Error::other)).await;
        let own = own.map_err(|error| error.to_string())?;
        match holdings.rank() > own.rank() {
            true => self.take_over(replica, &holdings).await,
            false => Ok(()),
        }
    }

    async fn take_over(&self, of: ReplicaId, standing: &Standing) -> Result<(), String> {
        let (log, leaders) = (self.log.clone(), standing.clone());
        let cut = blocking(move || cut_to_common(&log, &leaders)).await;
        cut.map_err(|error| error.to_string())?;
        self.copy(of, standing).await
    }

    /// Copies what that log has and this one lacks: from the first replica, or from whoever else has it.
    async fn copy(&self, first: ReplicaId, standing: &Standing) -> Result<(), String> {
        let others = (self.others.replicas)().into_iter();
        let order: Vec<_> = [first]
            .into_iter()
            .chain(others.filter(|other| *other != first))
            .collect();
        let mut reason = String::new();
        for from in order {
            loop {
                let next = self.log.ends().end_index;
                if next >= standing.end {
                    return Ok(());
                }
                match self.copy_some(from, next, standing).await {
                    Ok(()) => {}
                    Err(why) => {
                        reason = why;
                        break;
                    }
                }
            }
        }
        Err(reason)
    }

    async fn copy_some(
        &self,
        from: ReplicaId,
        next: LogIndex,
        standing: &Standing,
    ) -> Result<(), String> {
        let entries = self.others.entries(from, next, standing.end).await?;
        let batches = sound(next, entries.batches, standing);
        if batches.is_empty() {
            return Err(format!("replica {from} has another entry {next}"));
        }
        let bytes = batches.iter().map(|batch| batch.total_bytes() as u64).sum();
        self.pace.take(bytes).await;
        let log = self.log.clone();
        let appended = blocking(move || {
            let _space = log.reserve(bytes).map_err(io::Error::other)?;
            let appended = log.append_synced(next, batches, Box::new(drop));
            appended.map_err(io::Error::other)?;
            log.sync().map_err(io::Error::other)
        });
        appended.await.map_err(|error| error.to_string())
    }
}

/// The entries that are the leader's own, as far as they adjoin.
fn sound(first: LogIndex, batches: Vec<Batch>, standing: &Standing) -> Vec<Batch> {
    let indices = (first.get()..standing.end.get()).map(LogIndex::new);
    let is_sound = |index: LogIndex, batch: &Batch| {
        let term = batch.header().term();
        term.is_some() && term == standing.term_at(index) && batch.check_crc().is_ok()
    };
    indices
        .zip(batches)
        .take_while(|(index, batch)| is_sound(*index, batch))
        .map(|(_, batch)| batch)
        .collect()
}

/// Where two logs go apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Common {
    /// Behind this entry; `None`: they have nothing in common, and both begin at the beginning.
    Behind(Option<LogIndex>),
    /// The leader has deleted what follows upon this log.
    Deleted,
}

/// Cuts off what the leader does not have. Blocks.
fn cut_to_common(log: &Log, standing: &Standing) -> io::Result<()> {
    match common(log, standing) {
        Common::Behind(last) => {
            let ends = log.ends();
            if last.map_or(LogIndex::ZERO, LogIndex::next) < ends.end_index {
                tracing::warn!(log = %log.path().display(), behind = ?last, end = %ends.end_index, "what the leader does not have is cut off");
                log.truncate_after(last).map_err(io::Error::other)?;
            }
            Ok(())
        }
        Common::Deleted => begin_behind_snapshot(log, standing),
    }
}

fn begin_behind_snapshot(log: &Log, standing: &Standing) -> io::Result<()> {
    let snapshot = standing.snapshot.clone().and_then(StoredSnapshot::read);
    let place = snapshot.and_then(|stored| Some((stored.position.last?, stored)));
    let Some((last, stored)) = place else {
        let reason = "the leader has deleted what follows here, and has no snapshot of it";
        return Err(io::Error::other(reason));
    };
    let last: LogId = from_raft(last)?;
    let ends = log.ends();
    if last.index.next() < ends.first_index {
        let reason = format!(
            "the leader's snapshot stands at {}, this log begins at {}",
            last.index, ends.first_index
        );
        return Err(io::Error::other(reason));
    }
    tracing::warn!(log = %log.path().display(), at = %last.index, "the leader has deleted what follows here: its snapshot is taken");
    let kept = ends.first_index.previous();
    log.truncate_after(kept).map_err(io::Error::other)?;
    log.write_snapshot(&stored.bytes)
        .map_err(io::Error::other)?;
    log.purge(last, stored.position.high_watermark)
        .map_err(io::Error::other)
}

/// The last entry that both logs have: same index and term, and so the same up to there.
fn common(log: &Log, standing: &Standing) -> Common {
    let ends = log.ends();
    let behind = |last: Option<LogIndex>| match last.map_or(LogIndex::ZERO, LogIndex::next) {
        next if next >= standing.first => Common::Behind(last),
        _ => Common::Deleted,
    };
    let starts: Vec<LogIndex> = {
        let here = log.terms();
        let both = here.iter().chain(&standing.terms);
        both.map(|(_, start, _)| *start).collect()
    };
    let mut end = ends.end_index.min(standing.end);
    while let Some(last) = end.previous().filter(|last| *last >= ends.first_index) {
        let (here, there) = (log.term_at(last), standing.term_at(last));
        if here.is_some() && here == there {
            return behind(Some(last));
        }
        // Within a term of both they differ all the way: go on before the one that begins last.
        let before = starts.iter().copied().filter(|start| *start <= last).max();
        end = before.unwrap_or(LogIndex::ZERO);
    }
    // What is deleted here was committed: the other log has it, or had.
    behind(ends.purged.map(|purged| purged.index))
}

//! The task that waits until a replica in doubt may start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::{Durability, Term};
use segment_log::{Log, LogSettings};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::door::Door;
use super::follow::{Followed, Following};
use crate::error::is_damage;
use crate::group::{InDoubt, Stop, Surroundings};
use crate::peer::GroupId;
use crate::process;
use crate::raft::shared::blocking;
use crate::raft::types::{Vote, to_term};
use crate::repair::ask::{OtherReplicas, Others};
use crate::stand_in::StandIn;

/// How soon others are asked again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Stands in the place of a group while its replica is in doubt.
pub(crate) struct DoubtTask {
    state: watch::Sender<InDoubt>,
    /// The newest run at which doubts arose whose loss is accepted.
    accepted: watch::Sender<u64>,
    task: StandIn,
}

/// How a doubt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoubtEnded {
    /// The replica has back what it may have forgotten.
    Readmitted,
    /// The loss was accepted; or it was in doubt no more, or is damaged.
    Otherwise,
}

/// Which replica is in doubt, and who can help.
pub(crate) struct Doubtful {
    pub(crate) around: Surroundings,
    pub(crate) home: Handle,
    pub(crate) group: GroupId,
    pub(crate) path: PathBuf,
    /// Of its vote.
    pub(crate) key: Vec<u8>,
    pub(crate) settings: LogSettings,
    pub(crate) others: OtherReplicas,
}

impl DoubtTask {
    pub(crate) fn new(since: u64, accepted: u64) -> Arc<Self> {
        let state = InDoubt {
            since,
            state: "it is being looked at".to_owned(),
        };
        Arc::new(Self {
            state: watch::Sender::new(state),
            accepted: watch::Sender::new(accepted),
            task: StandIn::new("a wait for readmission"),
        })
    }

    /// Begins; `done` is called once the replica may start, unless the task was stopped before.
    pub(crate) fn begin(
        self: &Arc<Self>,
        what: Doubtful,
        done: impl FnOnce(DoubtEnded) + Send + 'static,
    ) {
        let this = self.clone();
        let home = what.home.clone();
        let waiting = async move { this.run(what).await };
        self.task.begin(&home, waiting, || (), done);
    }

    async fn run(&self, what: Doubtful) -> DoubtEnded {
        let mut accepted = self.accepted.subscribe();
        let (log, since) = loop {
            let (directory, path) = (what.around.directory.clone(), what.path.clone());
            // What is copied is synced.
            let settings = LogSettings {
                durability: Durability::Fsync,
                ..what.settings.clone()
            };
            let opened = process::blocking(move || directory.open_log(&path, settings)).await;
            match opened {
                Ok(Ok(log)) => match log.doubt() {
                    Some(since) => break (log, since),
                    None => return DoubtEnded::Otherwise,
                },
                // Damage is repaired first: by who opens the group.
                Ok(Err(error)) if is_damage(&error) => return DoubtEnded::Otherwise,
                Ok(Err(error)) => self.tell(&what, None, error.to_string()),
                Err(error) => self.tell(&what, None, error.to_string()),
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        };
        let door = Door {
            log: log.clone(),
            home: what.home.clone(),
        };
        let _registration = what.around.peers.register(what.group, Arc::new(door));
        let following = Following {
            log: log.clone(),
            others: Others {
                peers: what.around.peers.clone(),
                group: what.group,
                replicas: what.others.clone(),
            },
            pace: what.around.pace.clone(),
        };
        loop {
            let is_accepted = *accepted.borrow_and_update() >= since;
            let ended = match following.run().await {
                Ok(followed) => {
                    let readmitted = self.readmit(&what, &log, followed).await;
                    readmitted.map(|()| DoubtEnded::Readmitted)
                }
                Err(_) if is_accepted => {
                    let accepted = self.accept(&what, &following, since).await;
                    accepted.map(|()| DoubtEnded::Otherwise)
                }
                Err(reason) => Err(reason),
            };
            match ended {
                Ok(ended) => return ended,
                Err(reason) => self.tell(&what, Some(since), reason),
            }
            // An elapsed timeout is what is meant, unless the loss is accepted before.
            let _ = tokio::time::timeout(RETRY_INTERVAL, accepted.changed()).await;
        }
    }

    /// The log is that of a confirmed leader: the replica goes on as its follower.
    async fn readmit(&self, what: &Doubtful, log: &Log, by: Followed) -> Result<(), String> {
        let term = by.term.get();
        let vote = Vote::new_committed(term, by.leader.get());
        end_doubt(what, log, move |kept| (kept < term).then_some(vote)).await?;
        tracing::warn!(log = %log.path().display(), leader = %by.leader, term, "the replica has back what it may have forgotten");
        Ok(())
    }

    /// The replica goes on with what is left, in a term that nobody counts on it in.
    async fn accept(
        &self,
        what: &Doubtful,
        following: &Following,
        since: u64,
    ) -> Result<(), String> {
        following.run_unconfirmed().await?;
        let log = &following.log;
        let replica = what.around.settings.replica.get();
        let last = log.ends().last.map_or(0, |last| last.term.get());
        let next = move |kept: u64| Some(Vote::new(kept.max(last) + 1, replica));
        end_doubt(what, log, next).await?;
        tracing::error!(log = %log.path().display(), replica, since, end = %log.ends().end_offset, "LOSS ACCEPTED: the replica starts with what is left; records that it acknowledged on `page-cache` before the power cut may be lost");
        Ok(())
    }

    fn tell(&self, what: &Doubtful, since: Option<u64>, state: String) {
        let is_news = self.state.send_if_modified(|known| {
            let now = InDoubt {
                since: since.unwrap_or(known.since),
                state: state.clone(),
            };
            let is_news = *known != now;
            *known = now;
            is_news
        });
        if is_news {
            tracing::warn!(log = %what.path.display(), %state, "the replica is in doubt and waits");
        }
    }
}

/// Saves the vote that `vote` makes of the kept one's term, and ends the doubt, in this order.
async fn end_doubt(
    what: &Doubtful,
    log: &Log,
    vote: impl FnOnce(u64) -> Option<Vote> + Send + 'static,
) -> Result<(), String> {
    let (votes, key, log) = (what.around.votes.clone(), what.key.clone(), log.clone());
    let ended = blocking(move || {
        log.sync().map_err(std::io::Error::other)?;
        let kept = votes.read(&key)?.map_or(0, |kept| kept.leader_id.term);
        if let Some(vote) = vote(kept) {
            let _: Term = to_term(vote.leader_id.term)?;
            let committed = votes.committed(&key)?;
            votes
                .save(&key, vote, committed)
                .map_err(std::io::Error::other)?;
        }
        log.end_doubt().map_err(std::io::Error::other)
    });
    ended.await.map_err(|error| error.to_string())
}

impl Stop for DoubtTask {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.task.stop())
    }

    fn in_doubt(&self) -> Option<InDoubt> {
        Some(self.state.borrow().clone())
    }

    fn accept_loss(&self, upto: u64) {
        self.accepted.send_if_modified(|accepted| {
            let is_news = *accepted < upto;
            *accepted = upto.max(*accepted);
            is_news
        });
    }
}

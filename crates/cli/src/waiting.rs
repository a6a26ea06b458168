//! Waiting for what the cluster does: a bar on a terminal, a line for each change in a pipe, JSON on request.
//!
//! Any broker will do, and none for a while: the one that was asked may be the one that dies. Who waits is told then.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use client::CallError;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::arguments::duration;
use crate::failure::{Exit, Failure};
use crate::output::{notice, write_json};
use crate::progress;
use crate::session::Session;

/// How often the cluster is asked.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// How often it is asked for its brokers.
const LEARN_INTERVAL: Duration = Duration::from_secs(5);

/// After so long without an answer it is said that there is none.
const SILENCE: Duration = Duration::from_secs(3);

const SILENT: &str = "no answer yet: asking one broker after the other";

/// Whether to wait, and how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Wait until it is done, and show how far it is
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait; the work goes on all the same [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
}

impl WaitArgs {
    /// As [`answered`], but for no longer than is to be waited.
    pub(crate) async fn answered<T>(
        &self,
        asking: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let asking = answered(asking);
        let answer = match self.timeout {
            None => asking.await,
            Some(timeout) => timeout_at(began + timeout, asking).await.map_err(|_| {
                let message = format!("no answer after {:.1} s", timeout.as_secs_f64());
                Failure::new(Exit::Unavailable, "NOT_DONE_IN_TIME", message)
            })?,
        };
        Ok(answer?)
    }

    /// The same, when so much of the time is over.
    pub(crate) fn after(&self, waited: Duration) -> Self {
        Self {
            timeout: self.timeout.map(|timeout| timeout.saturating_sub(waited)),
            ..self.clone()
        }
    }
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// How much is done.
    pub(crate) done: u64,
    /// How much there is to do.
    pub(crate) total: u64,
    /// What else there is to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
    /// Whether there is nothing left to wait for.
    #[serde(skip)]
    pub(crate) is_over: bool,
}

/// Waits for an answer, and says so where that takes long.
pub(crate) async fn answered<T>(asking: impl Future<Output = T>) -> T {
    let mut asking = pin!(asking);
    tokio::select! {
        answer = &mut asking => return answer,
        () = sleep(SILENCE) => notice(SILENT),
    }
    asking.await
}

/// Asks again and again until everything is done. A broker that does not answer for a while is asked again: it, or the
/// one behind it, may be starting.
pub(crate) async fn until_done(
    args: &WaitArgs,
    session: &Session,
    what: &'static str,
    mut ask: impl AsyncFnMut() -> Result<Step, Failure>,
) -> Result<(), Failure> {
    let began = Instant::now();
    let end = args.timeout.map(|timeout| began + timeout);
    let mut shown = Shown::new(session, what);
    // Whoever waits has just asked for the brokers, to have it done at all.
    let mut learned = began;
    loop {
        let asked = Instant::now();
        if asked.duration_since(learned) >= LEARN_INTERVAL {
            session.know_all().await;
            learned = asked;
        }
        let unanswered = match shown.answer(ask(), end).await? {
            None => None,
            Some(Ok(step)) => {
                let is_over = step.is_over;
                shown.show(step)?;
                if is_over {
                    return Ok(());
                }
                None
            }
            Some(Err(failure)) if failure.exit() == Exit::Unavailable => {
                shown.note(format!("trying again: {}", failure.message()))?;
                Some(failure)
            }
            Some(Err(failure)) => return Err(failure),
        };
        let next = (asked + ASK_INTERVAL).max(Instant::now());
        if end.is_some_and(|end| next >= end) {
            return Err(unanswered.unwrap_or_else(|| shown.timed_out(began.elapsed())));
        }
        sleep_until(next).await;
    }
}

/// What was shown so far.
struct Shown {
    what: &'static str,
    json: bool,
    bar: ProgressBar,
    last: Option<Step>,
}

impl Shown {
    fn new(session: &Session, what: &'static str) -> Self {
        let bar = match session.json() {
            true => ProgressBar::hidden(),
            false => progress::counting(0, what),
        };
        Self {
            what,
            json: session.json(),
            bar,
            last: None,
        }
    }

    /// The answer; `None` where there is none before the end. Where it takes long, it is said that nobody answers.
    async fn answer<T>(
        &mut self,
        asking: impl Future<Output = T>,
        end: Option<Instant>,
    ) -> Result<Option<T>, Failure> {
        let mut asking = pin!(asking);
        tokio::select! {
            answer = &mut asking => return Ok(Some(answer)),
            () = sleep(SILENCE) => self.note(SILENT.to_owned())?,
        }
        Ok(match end {
            Some(end) => timeout_at(end, asking).await.ok(),
            None => Some(asking.await),
        })
    }

    /// Says this beside how far it was when somebody answered last.
    fn note(&mut self, note: String) -> Result<(), Failure> {
        let last = self.last.clone().unwrap_or_default();
        self.show(Step { note, ..last })
    }

    fn show(&mut self, step: Step) -> Result<(), Failure> {
        if self.last.as_ref() == Some(&step) {
            return Ok(());
        }
        if self.json {
            write_json(&Progress { progress: &step })?;
        } else if self.bar.is_hidden() {
            notice(&line(&step, self.what));
        } else {
            self.bar.set_length(step.total);
            self.bar.set_position(step.done);
            self.bar.set_message(step.note.clone());
        }
        self.last = Some(step);
        Ok(())
    }

    fn timed_out(&self, after: Duration) -> Failure {
        let far = match &self.last {
            Some(step) => line(step, self.what),
            None => format!("no {} yet", self.what),
        };
        let message = format!(
            "not done after {:.1} s: {far}; the work goes on, ask again with `strand cluster moves` or `describe`",
            after.as_secs_f64()
        );
        Failure::new(Exit::Unavailable, "NOT_DONE_IN_TIME", message)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A step as JSON, told apart from the result behind it.
#[derive(Serialize)]
struct Progress<'a> {
    progress: &'a Step,
}

fn line(step: &Step, what: &str) -> String {
    let note = match step.note.as_str() {
        "" => String::new(),
        note => format!("; {note}"),
    };
    format!("{} of {} {what}{note}", step.done, step.total)
}

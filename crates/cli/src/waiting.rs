//! Waiting for what the cluster does: a bar on a terminal, a line for each change in a pipe, JSON on request.

use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::arguments::duration;
use crate::failure::{Exit, Failure};
use crate::output::{notice, write_json};
use crate::progress;
use crate::session::Session;

/// How often the cluster is asked.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

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

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// How much is done.
    pub(crate) done: u64,
    /// How much there is to do.
    pub(crate) total: u64,
    /// What else there is to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
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
    loop {
        let asked = Instant::now();
        let outcome = ask().await;
        let unanswered = match outcome {
            Ok(step) => {
                let is_done = step.done >= step.total;
                shown.show(step)?;
                if is_done {
                    return Ok(());
                }
                None
            }
            Err(failure) if failure.exit() == Exit::Unavailable => Some(failure),
            Err(failure) => return Err(failure),
        };
        let next = asked + ASK_INTERVAL;
        if end.is_some_and(|end| next > end) {
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

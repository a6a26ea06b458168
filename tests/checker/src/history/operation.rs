//! Events paired: what began with how it ended.

use std::collections::HashMap;

use thiserror::Error;

use super::event::{Action, Event, Kind};

/// Something that a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who did it.
    pub process: u32,
    /// Its number.
    pub op: u64,
    /// When it began.
    pub invoked: u64,
    /// How it ended.
    pub finish: Finish,
    /// When it ended, or when the history did.
    pub ended: u64,
    /// What it was; with the answer, where it was done.
    pub action: Action,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// Nobody knows.
    Info,
    /// It was still going on at the history's end: nobody knows either.
    Open,
}

/// Why events are not a history.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadHistory {
    /// The clock went back.
    #[error("event {index} happens at {t}, before the one in front of it, at {before}")]
    ClockWentBack {
        /// Which event.
        index: usize,
        /// Its time.
        t: u64,
        /// The time of the event in front of it.
        before: u64,
    },
    /// An end without a beginning, or two of either.
    #[error("event {index} ends operation {op} of process {process}, which does not go on then")]
    NotGoingOn {
        /// Which event.
        index: usize,
        /// The process.
        process: u32,
        /// The operation.
        op: u64,
    },
    /// Two operations with one number.
    #[error("event {index} begins operation {op}, which began before")]
    BeganTwice {
        /// Which event.
        index: usize,
        /// The operation.
        op: u64,
    },
}

/// The operations of a history, in the order in which they began. `Heal` counts as an operation that takes no time.
///
/// # Errors
/// [`BadHistory`]: whoever recorded it made a mistake.
pub fn operations(events: &[Event]) -> Result<Vec<Operation>, BadHistory> {
    let mut found: Vec<Operation> = Vec::new();
    let mut going_on: HashMap<(u32, u64), usize> = HashMap::new();
    let mut before = 0;
    let end = events.last().map_or(0, |event| event.t);
    for (index, event) in events.iter().enumerate() {
        let Event {
            t,
            process,
            op,
            kind,
            ref action,
        } = *event;
        if t < before {
            return Err(BadHistory::ClockWentBack { index, t, before });
        }
        before = t;
        let finish = match kind {
            Kind::Invoke => {
                let place = found.len();
                if *action != Action::Heal && going_on.insert((process, op), place).is_some() {
                    return Err(BadHistory::BeganTwice { index, op });
                }
                let (finish, ended) = match action {
                    Action::Heal => (Finish::Ok, t),
                    _ => (Finish::Open, end),
                };
                found.push(Operation {
                    process,
                    op,
                    invoked: t,
                    finish,
                    ended,
                    action: action.clone(),
                });
                continue;
            }
            Kind::Ok => Finish::Ok,
            Kind::Fail => Finish::Fail,
            Kind::Info => Finish::Info,
        };
        let Some(place) = going_on.remove(&(process, op)) else {
            return Err(BadHistory::NotGoingOn { index, process, op });
        };
        let operation = &mut found[place];
        operation.finish = finish;
        operation.ended = t;
        operation.action = action.clone();
    }
    Ok(found)
}

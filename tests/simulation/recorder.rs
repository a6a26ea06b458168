//! Writes the history down, in simulated time.

use std::sync::{Arc, Mutex};

use checker::history::{Action, Event, Kind};

use crate::trace::{Trace, note};

/// Takes events. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Recorder {
    trace: Trace,
    taken: Arc<Mutex<(u64, Vec<Event>)>>,
}

/// An operation that has begun.
pub(crate) struct Open {
    process: u32,
    op: u64,
}

impl Recorder {
    pub(crate) fn new(trace: Trace) -> Self {
        Self {
            trace,
            taken: Arc::default(),
        }
    }

    /// `process` begins something.
    pub(crate) fn invoke(&self, process: u32, action: Action) -> Open {
        let op = {
            let mut taken = self.taken.lock().unwrap();
            taken.0 += 1;
            taken.0
        };
        self.push(process, op, Kind::Invoke, action);
        Open { process, op }
    }

    /// It ended.
    pub(crate) fn end(&self, open: &Open, kind: Kind, action: Action) {
        self.push(open.process, open.op, kind, action);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.taken.lock().unwrap().1.clone()
    }

    fn push(&self, process: u32, op: u64, kind: Kind, action: Action) {
        note!(self.trace, "client {process} op {op} {kind:?} {action:?}");
        let t = self.trace.now();
        self.taken.lock().unwrap().1.push(Event {
            t,
            process,
            op,
            kind,
            action,
        });
    }
}

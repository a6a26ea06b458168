//! Writes a history down while it happens.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::event::{Action, Event, Kind};

/// Takes events from any thread, in the order of its own clock.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    events: Vec<Event>,
    operations: u64,
}

/// An operation that has begun.
#[derive(Debug)]
pub struct Open {
    process: u32,
    op: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            taken: Mutex::default(),
        }
    }
}

impl Recorder {
    /// `process` begins something: to be called before the first byte leaves.
    pub fn invoke(&self, process: u32, action: Action) -> Open {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.operations += 1;
        let op = taken.operations;
        let t = self.now();
        taken.events.push(Event {
            t,
            process,
            op,
            kind: Kind::Invoke,
            action,
        });
        Open { process, op }
    }

    /// It ended: to be called once the answer is there. `action` holds the answer, where there is one.
    pub fn end(&self, open: &Open, kind: Kind, action: Action) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let t = self.now();
        taken.events.push(Event {
            t,
            process: open.process,
            op: open.op,
            kind,
            action,
        });
    }

    /// What was recorded so far.
    pub fn events(&self) -> Vec<Event> {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .events
            .clone()
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }
}

/// Writes events as JSON Lines.
///
/// # Errors
/// What the file system says.
pub fn save(events: &[Event], path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for event in events {
        serde_json::to_writer(&mut file, event)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Reads what [`save`] wrote.
///
/// # Errors
/// What the file system says, or the first line that is not an event.
pub fn load(path: &Path) -> std::io::Result<Vec<Event>> {
    BufReader::new(File::open(path)?)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

//! What clients did and what they were told, as one list of events under one monotonic clock: the only thing that
//! the [checker](crate) sees. On disk a history is JSON Lines, one [`Event`] each.

mod event;
mod operation;
mod recorder;

pub use event::{Action, End, Event, Kind, Seen};
pub use operation::{BadHistory, Finish, Operation, operations};
pub use recorder::{Open, Recorder, load, save};

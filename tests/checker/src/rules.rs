//! The rules: each a pure function of the facts.

pub(super) mod lost;
pub(super) mod phantoms;
pub(super) mod polls;
pub(super) mod progress;
pub(super) mod real_time;
pub(super) mod sends;
pub(super) mod versions;

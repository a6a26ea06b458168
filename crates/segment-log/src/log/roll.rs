//! Rolling by age, so that old data in a quiet topic can go too.

use model::Timestamp;

use super::Log;
use crate::error::SyncFailed;

impl Log {
    /// Seals the active segment if its first append is `segment_age` old; an empty one never is. Blocks.
    /// Says whether it did.
    ///
    /// # Errors
    /// [`SyncFailed`]: the log has stopped.
    pub fn roll_if_due(&self, now: Timestamp) -> Result<bool, SyncFailed> {
        let due = {
            let state = self.inner.state.lock();
            let first = state.active.as_ref().and_then(|a| a.facts.first_append);
            let age = state.settings.segment_age;
            first
                .zip(age)
                .is_some_and(|(first, age)| now >= first.plus(age))
        };
        if due { self.roll() } else { Ok(false) }
    }

    /// Seals the active segment, unless there is none. Blocks.
    ///
    /// # Errors
    /// [`SyncFailed`]: the log has stopped.
    pub fn roll(&self) -> Result<bool, SyncFailed> {
        let inner = &self.inner;
        let _round = inner.round.lock();
        let mut writer = inner.writer.lock();
        let rolled = inner.write_staged(&mut writer).and_then(|_| {
            let mut state = inner.state.lock();
            // Entries staged since have their place in this segment: it is not over yet.
            if !state.staged.is_empty() {
                return Ok(false);
            }
            let Some(active) = state.active.take() else {
                return Ok(false);
            };
            state.sealed.push_back(active.seal());
            drop(state);
            inner.leave(&mut writer)?;
            Ok(true)
        });
        match &rolled {
            // Not over yet: entries wait for space in it.
            Err(failed) if !failed.is_final => return Ok(false),
            Err(failed) => inner.latch(failed),
            Ok(_) => {}
        }
        rolled
    }
}

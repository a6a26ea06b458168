//! The process that work belongs to: its tasks, its blocking calls, its chance.
//!
//! That is the operating system's process and tokio's tasks and threads, unless the caller runs inside a
//! [`SimulatedProcess`]. Then what is spawned belongs to that process too (it stands still and dies with it), what
//! blocks runs at once on the caller's thread after a simulated while, and chance comes from the process's seed. So
//! a whole cluster in one thread, on tokio's paused clock, does the same again for the same seed.

mod simulated;

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::task::TaskTracker;

pub use simulated::SimulatedProcess;

/// Spawns a task on the caller's runtime.
#[track_caller]
pub fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match simulated::current() {
        None => tokio::spawn(task),
        Some(process) => process.spawn(task),
    }
}

/// Spawns a task on another runtime.
#[track_caller]
pub fn spawn_on<F>(home: &Handle, task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match simulated::current() {
        None => home.spawn(task),
        Some(process) => process.spawn(task),
    }
}

tokio::task_local! {
    /// Counts the blocking calls of the task.
    static CALLS: TaskTracker;
}

/// Runs a task that has its [`blocking`] calls counted, until what they give is handed on or dropped.
pub(crate) fn counting_calls<T>(
    calls: TaskTracker,
    task: impl Future<Output = T>,
) -> impl Future<Output = T> {
    CALLS.scope(calls, task)
}

/// Runs what blocks on a thread made for it.
///
/// # Errors
/// It has panicked, or the runtime is going down.
pub async fn blocking<T, F>(act: F) -> Result<T, JoinError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match simulated::current() {
        None => {
            let counted = CALLS.try_with(TaskTracker::token).ok();
            // Of a pair, what was given is dropped first.
            let (given, _) = tokio::task::spawn_blocking(move || (act(), counted)).await?;
            Ok(given)
        }
        Some(process) => Ok(process.blocking(act).await),
    }
}

/// As [`blocking`], on a thread of another runtime.
///
/// # Errors
/// As [`blocking`].
pub async fn blocking_on<T, F>(home: &Handle, act: F) -> Result<T, JoinError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match simulated::current() {
        None => home.spawn_blocking(act).await,
        Some(process) => Ok(process.blocking(act).await),
    }
}

/// A number by chance; for timeouts and jitter, not for secrets.
pub fn chance() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
    }
    match simulated::current() {
        None => STATE.with(|state| {
            let (next, number) = split_mix(state.get());
            state.set(next);
            number
        }),
        Some(process) => process.chance(),
    }
}

/// SplitMix64: the next state, and the number.
fn split_mix(state: u64) -> (u64, u64) {
    let next = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (next, z ^ (z >> 31))
}

#[cfg(test)]
mod tests;

//! A process of a simulation: one of many on one thread, which can stand still and be killed.

use std::cell::RefCell;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};

use super::split_mix;

thread_local! {
    static CURRENT: RefCell<Option<SimulatedProcess>> = const { RefCell::new(None) };
}

/// The process that the running task belongs to, in a simulation.
pub(super) fn current() -> Option<SimulatedProcess> {
    CURRENT.with(|current| current.borrow().clone())
}

/// A simulated process. Clones are the same one. Its tasks live on the current-thread runtime of who spawns them.
#[derive(Clone, Debug)]
pub struct SimulatedProcess {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    chance: u64,
    paused: bool,
    killed: bool,
    /// Tasks that would have run while it stood still.
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
    /// Tasks that there may be before the finished ones are forgotten.
    tasks_max: usize,
    device_delay: Range<Duration>,
}

impl SimulatedProcess {
    /// A process whose blocking calls take no time, until that is changed.
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            chance: seed,
            paused: false,
            killed: false,
            waiting: Vec::new(),
            tasks: Vec::new(),
            tasks_max: 64,
            device_delay: Duration::ZERO..Duration::ZERO,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Spawns a task that belongs to it. Once it is killed, the task never runs.
    #[track_caller]
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let handle = tokio::spawn(Belonging {
            process: self.clone(),
            task: Some(Box::pin(task)),
        });
        let mut inner = self.inner.lock();
        if inner.killed {
            handle.abort();
            return handle;
        }
        if inner.tasks.len() >= inner.tasks_max {
            inner.tasks.retain(|task| !task.is_finished());
            inner.tasks_max = 64.max(inner.tasks.len() * 2);
        }
        inner.tasks.push(handle.abort_handle());
        handle
    }

    /// Does something as this process, which is neither paused nor killed.
    pub fn within<R>(&self, act: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(self.clone());
        act()
    }

    /// Its tasks stand still until [`resume`](Self::resume), timers and all, as after a SIGSTOP.
    pub fn pause(&self) {
        self.inner.lock().paused = true;
    }

    /// Its tasks go on; the clock has gone on meanwhile.
    pub fn resume(&self) {
        let waiting = {
            let mut inner = self.inner.lock();
            inner.paused = false;
            std::mem::take(&mut inner.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// None of its tasks runs again. What they own is dropped soon.
    pub fn kill(&self) {
        let tasks = {
            let mut inner = self.inner.lock();
            inner.killed = true;
            inner.waiting.clear();
            std::mem::take(&mut inner.tasks)
        };
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// How long a blocking call takes from now on, before it acts and after it.
    pub fn set_device_delay(&self, delay: Range<Duration>) {
        self.inner.lock().device_delay = delay;
    }

    /// Waits as long as a device takes.
    pub async fn device_delay(&self) {
        let delay = {
            let mut inner = self.inner.lock();
            let Range { start, end } = inner.device_delay;
            let micros = u64::try_from(end.saturating_sub(start).as_micros()).unwrap_or(u64::MAX);
            start + Duration::from_micros(inner.chance() % micros.max(1))
        };
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
    }

    pub(super) async fn blocking<T>(&self, act: impl FnOnce() -> T) -> T {
        self.device_delay().await;
        let outcome = act();
        self.device_delay().await;
        outcome
    }

    pub(super) fn chance(&self) -> u64 {
        self.inner.lock().chance()
    }
}

impl Inner {
    fn chance(&mut self) -> u64 {
        let (next, number) = split_mix(self.chance);
        self.chance = next;
        number
    }
}

/// A task of a simulated process.
struct Belonging<F> {
    process: SimulatedProcess,
    task: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Belonging<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        {
            let mut inner = self.process.inner.lock();
            if inner.paused || inner.killed {
                inner.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        let _entered = Entered::new(self.process.clone());
        match &mut self.task {
            Some(task) => task.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Belonging<F> {
    fn drop(&mut self) {
        // What is dropped with the task may spawn or want chance: as this process.
        let _entered = Entered::new(self.process.clone());
        self.task = None;
    }
}

/// While it lives, the thread acts as a process.
struct Entered {
    before: Option<SimulatedProcess>,
}

impl Entered {
    fn new(process: SimulatedProcess) -> Self {
        let before = CURRENT.with(|current| current.borrow_mut().replace(process));
        Self { before }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        CURRENT.with(|current| *current.borrow_mut() = before);
    }
}

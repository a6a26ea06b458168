//! A child process that is never left behind.

use std::fs;
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::wait::eventually;

/// How long anything may take that should be quick, on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A child that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    ended: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
}

/// The ends of a child's pipes, where it has such.
#[derive(Debug)]
pub struct Pipes {
    /// What it reads.
    pub stdin: Option<ChildStdin>,
    /// What it prints.
    pub stdout: Option<ChildStdout>,
    /// What it complains.
    pub stderr: Option<ChildStderr>,
}

impl Running {
    /// Starts a child.
    pub fn spawn(command: &mut Command) -> (Self, Pipes) {
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let pid = Pid::from_child(&child);
        let pipes = Pipes {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
        };
        let (told, ended) = mpsc::channel();
        thread::spawn(move || {
            if let Ok(status) = child.wait() {
                // Nobody waits any more where the test is over.
                let _ = told.send(status);
            }
        });
        (
            Self {
                pid,
                ended,
                status: None,
            },
            pipes,
        )
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until it ends; `None` where it goes on for longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.ended.recv_timeout(limit).ok();
        }
        self.status
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.wait(Duration::ZERO).is_none() {
            // It may end at this very moment: then there is nobody to signal.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Sends it a SIGSTOP, and waits until none of its threads does anything any more.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
        eventually("the process stands still", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
            let mut states = tasks.flatten().map(|task| state_of(&task.path()));
            states
                .all(|state| !matches!(state, Some('R' | 'S')))
                .then_some(())
        });
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.wait(TIMEOUT).expect("a killed process ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.wait(TIMEOUT);
    }
}

/// What a thread does: `R` runs, `S` waits, `D` waits for a disk, `T` is stopped. `None` where it is gone.
fn state_of(task: &Path) -> Option<char> {
    let stat = fs::read_to_string(task.join("stat")).ok()?;
    // Behind the name, which may hold anything, in brackets.
    stat.rsplit_once(") ")?.1.chars().next()
}

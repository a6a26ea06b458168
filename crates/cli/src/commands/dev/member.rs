//! One broker of a throw-away cluster, as a process of its own.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::UnboundedSender;

use crate::output::notice;

/// The beginning of the line that a broker prints once it serves.
const READY: &str = "strand broker ";

/// Settings of one broker that its environment must not give to all.
const NOT_INHERITED: [&str; 3] = [
    "STRAND_ADVERTISE_GRPC",
    "STRAND_ADVERTISE_PEER",
    "STRAND_CLUSTER_PEERS",
];

/// What happens to a broker.
#[derive(Debug)]
pub(super) enum Event {
    /// It serves.
    Ready,
    /// Its process has ended.
    Ended(io::Result<ExitStatus>),
}

/// A broker's process. Its output is shown behind its number.
#[derive(Debug)]
pub(super) struct Member {
    pid: Pid,
}

impl Member {
    /// Starts it; `events` are told what happens to it.
    pub(super) fn spawn(
        id: u32,
        arguments: &[String],
        events: &UnboundedSender<(u32, Event)>,
    ) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("broker")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for whoever started it: it tells its brokers, once.
            .process_group(0);
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        show(id, child.stderr.take(), |_| {});
        let ready = events.clone();
        show(id, child.stdout.take(), move |line| {
            if line.starts_with(READY) {
                // Nobody listens any more where the cluster is at its end.
                let _ = ready.send((id, Event::Ready));
            }
        });
        await_end(id, child, events.clone());
        Ok(Self { pid })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = kill_process(self.pid, signal);
    }
}

fn await_end(id: u32, mut child: Child, events: UnboundedSender<(u32, Event)>) {
    thread::spawn(move || {
        let ended = child.wait();
        // Nobody listens any more where the cluster is at its end.
        let _ = events.send((id, Event::Ended(ended)));
    });
}

/// Shows each line behind the broker's number, and lets `seen` see it.
fn show(id: u32, pipe: Option<impl Read + Send + 'static>, seen: impl Fn(&str) + Send + 'static) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            notice(&format!("{id} | {line}"));
            seen(&line);
        }
    });
}

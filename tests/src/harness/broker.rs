//! A broker as a process: started, killed, stopped, started again on the same data.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::ran::{Ran, run, without_settings};
use super::running::{Running, TIMEOUT};
use super::strand_binary;

/// How to start a broker.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Flags of `strand broker` beyond data directory and addresses.
    pub flags: Vec<String>,
    /// The data directory; `None`: a temporary one.
    pub data: Option<PathBuf>,
    /// What to run the broker under, such as `strace -D …`; it must keep the process id.
    pub under: Vec<String>,
}

/// A broker that runs, or ran, and its data directory.
#[derive(Debug)]
pub struct Broker {
    plan: Plan,
    data: PathBuf,
    log: PathBuf,
    addresses: Addresses,
    running: Running,
    _home: TempDir,
}

#[derive(Clone, Debug)]
struct Addresses {
    grpc: String,
    http: String,
}

/// How a broker stopped.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// How long that took.
    pub took: Duration,
}

impl Broker {
    /// A broker with nothing but defaults, on free ports.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_as(Plan::default())
    }

    /// A broker with these flags.
    #[track_caller]
    pub fn with(flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::start_as(Plan {
            flags,
            ..Plan::default()
        })
    }

    /// A broker by plan; it is ready when this returns.
    #[track_caller]
    pub fn start_as(plan: Plan) -> Self {
        let home = tempfile::Builder::new()
            .prefix("strandline-test-")
            .tempdir()
            .expect("a temporary directory");
        let data = plan
            .data
            .clone()
            .unwrap_or_else(|| home.path().join("data"));
        let log = home.path().join("log");
        let (running, addresses) = spawn(&plan, &data, &log);
        Self {
            plan,
            data,
            log,
            addresses,
            running,
            _home: home,
        }
    }

    /// Starts it again on the same data, on other ports.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(
            self.running.wait(Duration::ZERO).is_some(),
            "a broker is stopped before it is started again"
        );
        (self.running, self.addresses) = spawn(&self.plan, &self.data, &self.log);
    }

    /// Starts it on the same data and kills it `after` that, wherever its recovery is then.
    pub fn crash_while_starting(&mut self, after: Duration) {
        let (mut running, _) = Running::spawn(&mut command(&self.plan, &self.data, &self.log));
        running.wait(after);
        running.kill();
    }

    /// See [`Running::freeze`].
    #[track_caller]
    pub fn freeze(&mut self) {
        self.running.freeze();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn terminate(&mut self) -> Ended {
        self.stop(Signal::TERM)
    }

    /// Sends a signal that should stop it, and waits for the end.
    #[track_caller]
    pub fn stop(&mut self, signal: Signal) -> Ended {
        let began = Instant::now();
        self.running.signal(signal);
        let status = self.running.wait(TIMEOUT);
        let Some(status) = status else {
            panic!(
                "the broker was still running {TIMEOUT:?} after {signal:?}; its log:\n{}",
                self.log()
            );
        };
        Ended {
            code: status.code(),
            took: began.elapsed(),
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.running.wait(Duration::ZERO).is_none()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Its gRPC address, `host:port`.
    pub fn grpc(&self) -> &str {
        &self.addresses.grpc
    }

    /// Its HTTP address, `host:port`.
    pub fn http(&self) -> &str {
        &self.addresses.http
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs `strand` against it.
    #[track_caller]
    pub fn strand(&self, arguments: &[&str]) -> Ran {
        self.strand_in(arguments, b"")
    }

    /// Runs `strand` against it, with this input.
    #[track_caller]
    pub fn strand_in(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        run(self.command(arguments), stdin, TIMEOUT)
    }

    /// `strand` against it, yet to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(strand_binary());
        command.args(arguments).args(["--server", self.grpc()]);
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "--- the log of the broker on {} ---\n{}",
                self.data.display(),
                self.log()
            );
        }
    }
}

fn command(plan: &Plan, data: &Path, log: &Path) -> Command {
    let binary = strand_binary();
    let mut command = match plan.under.split_first() {
        None => Command::new(binary),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(binary);
            command
        }
    };
    without_settings(&mut command);
    let opened = File::options()
        .create(true)
        .append(true)
        .open(log)
        .expect("the log file opens");
    command
        .args([
            "broker",
            "--grpc",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(data)
        .args(&plan.flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(opened);
    command
}

#[track_caller]
fn spawn(plan: &Plan, data: &Path, log: &Path) -> (Running, Addresses) {
    let (mut running, pipes) = Running::spawn(&mut command(plan, data, log));
    let line = first_line(pipes.stdout.expect("stdout is piped"));
    match line.as_deref().ok().and_then(parse_ready_line) {
        Some(addresses) => (running, addresses),
        None => {
            running.kill();
            let log = fs::read_to_string(log).unwrap_or_default();
            panic!("the broker did not get ready: {line:?}; its log:\n{log}");
        }
    }
}

/// The first line that comes; the rest is read and dropped, so that nobody blocks on a full pipe.
fn first_line(stdout: ChildStdout) -> Result<String, RecvTimeoutError> {
    let (told, line) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Only the first line is waited for.
            let _ = told.send(line);
        }
    });
    line.recv_timeout(TIMEOUT)
}

/// `strand broker 0 ready: grpc 127.0.0.1:7700, http 127.0.0.1:7702, data ./strandline-data`
fn parse_ready_line(line: &str) -> Option<Addresses> {
    let (_, listeners) = line
        .strip_prefix("strand broker ")?
        .split_once(" ready: ")?;
    let of = |name: &str| {
        let mut parts = listeners.split(", ");
        parts
            .find_map(|part| part.strip_prefix(name))
            .map(str::to_owned)
    };
    Some(Addresses {
        grpc: of("grpc ")?,
        http: of("http ")?,
    })
}

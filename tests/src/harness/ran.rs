//! A command that runs to its end, within a time.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::running::{Running, TIMEOUT};
use super::strand_binary;

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// What was run, for messages.
    pub command: String,
    /// Its exit code; 128 + signal where a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Ran {
    /// It must have succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// It must have ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code of {self}");
        self
    }

    /// What it printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it printed, as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}) from {self}"))
    }

    /// What it printed, as one JSON value a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("no JSON ({error}) in `{line}` from {self}"))
        };
        self.text().lines().map(parse).collect()
    }

    /// The JSON in which `--json` reports a failure.
    #[track_caller]
    pub fn json_error(&self) -> Value {
        let last = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .unwrap_or_else(|error| panic!("no JSON error ({error}) from {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: String = self.text().chars().take(2_000).collect();
        let Self {
            command,
            code,
            stderr,
            took,
            ..
        } = self;
        write!(
            f,
            "`{command}`: exit code {code} after {took:?}\nstdout: {shown}\nstderr: {stderr}"
        )
    }
}

/// Runs `strand` with these arguments and this input.
#[track_caller]
pub fn strand(arguments: &[impl AsRef<OsStr>], stdin: &[u8]) -> Ran {
    let mut command = Command::new(strand_binary());
    command.args(arguments);
    run(command, stdin, TIMEOUT)
}

/// Runs a command with this input; it must end within `limit`.
#[track_caller]
pub fn run(command: Command, stdin: &[u8], limit: Duration) -> Ran {
    attempt(command, stdin, limit).unwrap_or_else(|hung| panic!("{hung}"))
}

/// The same; where it does not end within `limit` it is killed, and what it printed until then is told.
///
/// # Errors
/// It took longer.
pub(super) fn attempt(mut command: Command, stdin: &[u8], limit: Duration) -> Result<Ran, String> {
    without_settings(&mut command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let began = Instant::now();
    let (mut child, pipes) = Running::spawn(&mut command);
    let (stdout, stderr) = (read_all(pipes.stdout), read_all(pipes.stderr));
    let mut input = pipes.stdin.expect("stdin is piped");
    let bytes = stdin.to_vec();
    // A command may end without reading all of it; then writing fails, which is no news.
    let writer = thread::spawn(move || drop(input.write_all(&bytes)));
    let status = child.wait(limit);
    let took = began.elapsed();
    if status.is_none() {
        child.kill();
    }
    let join = |reader: JoinHandle<Vec<u8>>| reader.join().expect("reading a pipe does not panic");
    writer.join().expect("writing to a pipe does not panic");
    let (stdout, stderr) = (
        join(stdout),
        String::from_utf8_lossy(&join(stderr)).into_owned(),
    );
    let Some(status) = status else {
        let printed = String::from_utf8_lossy(&stdout);
        return Err(format!(
            "{shown} was still running after {limit:?}\nstdout: {printed}\nstderr: {stderr}"
        ));
    };
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(Ran {
        command: shown,
        code,
        stdout,
        stderr,
        took,
    })
}

/// A child must not inherit settings that whoever runs the tests has set for brokers of their own.
pub(super) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STRAND_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until an error is all there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

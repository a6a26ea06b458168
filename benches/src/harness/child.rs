//! Servers in processes of their own, so that their CPU time can be told from the load generator's.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{self, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::Pass;
use super::cpu_time::cpu_seconds;

/// How long a child may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a child may take to stop when it is asked to.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A child process, killed when this is dropped.
pub(crate) struct Child {
    process: process::Child,
    /// Kept open: whoever prints into a closed pipe dies of it.
    _output: Option<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts `command` and waits for the first line it prints in which `found` finds something.
    pub(crate) fn start<T>(
        command: &mut Command,
        found: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T)> {
        let process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        // From here on the process is killed whatever happens.
        let mut child = Self {
            process,
            _output: None,
        };
        let output = child.process.stdout.take().context("no pipe")?;
        let mut output = BufReader::new(output);
        let deadline = Instant::now() + READY_WITHIN;
        let mut line = String::new();
        while Instant::now() < deadline {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                let status = child.process.wait()?;
                bail!("the child ended before it was ready: {status}");
            }
            if let Some(value) = found(line.trim_end()) {
                child._output = Some(output);
                return Ok((child, value));
            }
        }
        bail!("the child was not ready within {READY_WITHIN:?}")
    }

    /// Starts this program again as the server that `arguments` name; its address comes back.
    pub(crate) fn serve<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<(Self, SocketAddr)> {
        let program = std::env::current_exe().context("asking for this program's path")?;
        Self::start(Command::new(program).args(arguments), |line| {
            line.strip_prefix(ANNOUNCEMENT)?.parse().ok()
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// CPU seconds used so far, user and system.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.id()).context("asking for a child's CPU time")
    }

    /// Runs a load, and adds this process's CPU time to what it gave.
    pub(crate) fn measure(&self, load: impl FnOnce() -> Result<Pass>) -> Result<Pass> {
        let before = self.cpu_seconds()?;
        let mut pass = load()?;
        pass.server_cpu_seconds = self.cpu_seconds()? - before;
        Ok(pass)
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub(crate) fn terminate(mut self) -> Result<()> {
        let id = Pid::from_child(&self.process);
        kill_process(id, Signal::TERM)?;
        let deadline = Instant::now() + STOPPED_WITHIN;
        loop {
            if let Some(status) = self.process.try_wait()? {
                ensure!(status.success(), "the child ended with {status}");
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the child was asked to stop and has not within {STOPPED_WITHIN:?}"
            );
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const ANNOUNCEMENT: &str = "listening on ";

/// In a child: tells the parent where it listens.
pub(crate) fn announce(address: SocketAddr) -> Result<()> {
    println!("{ANNOUNCEMENT}{address}");
    Ok(std::io::stdout().flush()?)
}

/// In a child: sees to it that it does not outlive its parent, which holds the other end of its input.
pub(crate) fn exit_with_parent() {
    thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        process::exit(0)
    });
}

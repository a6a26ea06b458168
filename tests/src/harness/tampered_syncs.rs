//! Syncs of a running process that fail, or take long.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::Signal;

use super::machine::command_exists;
use super::running::{Running, TIMEOUT};

/// Tampers with every sync of a running process, until it is dropped or detached.
#[derive(Debug)]
pub struct TamperedSyncs(Running);

impl TamperedSyncs {
    /// From now on syncs have this effect, in the words of `strace`: `error=EIO`, `delay_enter=300000` (in µs).
    ///
    /// # Errors
    /// What the machine lacks for it.
    pub fn attach(pid: u32, effect: &str) -> Result<Self, String> {
        if !command_exists("strace") {
            return Err("there is no `strace`; install it by its package name".to_owned());
        }
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync"])
            .args(["-e", &format!("inject=fdatasync,fsync:{effect}")])
            .args(["-p", &pid.to_string()])
            .stderr(Stdio::piped());
        let (running, pipes) = Running::spawn(&mut strace);
        let stderr = pipes.stderr.ok_or("strace tells nothing")?;
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let attached = lines.any(|line| line.contains("attached"));
        // Its other lines are read too, so that it never blocks on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        match attached {
            true => Ok(Self(running)),
            false => Err("strace may not attach to another process here".to_owned()),
        }
    }

    /// From now on syncs work again.
    #[track_caller]
    pub fn detach(mut self) {
        self.0.signal(Signal::TERM);
        self.0.wait(TIMEOUT).expect("strace detaches");
    }
}

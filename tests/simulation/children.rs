//! Runs seeds, each in a process of its own: what the standard library and tokio draw from the operating system then
//! is the same for the same seed, and a run that hangs can be ended.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::directed::Schedule;
use crate::run::Outcome;

/// A run that takes longer than this hangs.
const RUN_WITHIN: Duration = Duration::from_secs(900);
/// Before the outcome in what a child prints.
pub(crate) const MARK: &str = "OUTCOME ";

/// What the children are told beside the seed.
#[derive(Default)]
pub(crate) struct Wanted {
    /// A bug to plant.
    pub(crate) bug: Option<String>,
    /// The faults to choose from, in the place of the seed's.
    pub(crate) faults: Option<String>,
    /// A directed schedule, in the place of chance.
    pub(crate) schedule: Option<Schedule>,
}

impl Wanted {
    fn environment(&self) -> impl Iterator<Item = (&'static str, String)> {
        let schedule = self.schedule.map(|schedule| format!("{schedule:?}"));
        let all = [
            ("STRAND_SIM_BUG", self.bug.clone()),
            ("STRAND_SIM_FAULTS", self.faults.clone()),
            ("STRAND_SIM_SCHEDULE", schedule),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Runs all seeds, as many at a time as there are cores, and hands on what came of each.
///
/// `done` says whether to go on.
pub(crate) fn run_all(
    seeds: impl IntoIterator<Item = u64>,
    wanted: &Wanted,
    mut done: impl FnMut(Outcome) -> bool,
) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut seeds = seeds.into_iter();
    let mut running: Vec<Running> = Vec::new();
    loop {
        while running.len() < cores {
            let Some(seed) = seeds.next() else { break };
            running.push(Running::start(seed, wanted));
        }
        if running.is_empty() {
            return;
        }
        let finished = running.iter_mut().position(Running::is_finished);
        match finished {
            Some(at) => {
                if !done(running.swap_remove(at).outcome()) {
                    for mut other in running {
                        let _ = other.child.kill();
                        let _ = other.child.wait();
                    }
                    return;
                }
            }
            None => std::thread::sleep(Duration::from_millis(3)),
        }
    }
}

/// Runs one seed.
pub(crate) fn run_one(seed: u64) -> Outcome {
    let mut running = Running::start(seed, &Wanted::default());
    while !running.is_finished() {
        std::thread::sleep(Duration::from_millis(3));
    }
    running.outcome()
}

struct Running {
    seed: u64,
    child: Child,
    began: Instant,
    reader: Option<std::thread::JoinHandle<String>>,
    hangs: bool,
}

impl Running {
    fn start(seed: u64, wanted: &Wanted) -> Self {
        let this = std::env::current_exe().expect("the test's own path");
        let mut child = Command::new(this)
            .args([
                "--exact",
                "one_seed_in_this_process",
                "--ignored",
                "--nocapture",
            ])
            .env("STRAND_SIM_CHILD", seed.to_string())
            .envs(wanted.environment())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child process");
        let mut output = child.stdout.take().expect("its output");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = output.read_to_string(&mut text);
            text
        });
        Self {
            seed,
            child,
            began: Instant::now(),
            reader: Some(reader),
            hangs: false,
        }
    }

    fn is_finished(&mut self) -> bool {
        if self.began.elapsed() > RUN_WITHIN {
            self.hangs = true;
            let _ = self.child.kill();
        }
        self.child.try_wait().expect("the child's state").is_some()
    }

    fn outcome(mut self) -> Outcome {
        let status = self.child.wait().expect("the child's state");
        let text = self
            .reader
            .take()
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default();
        let line = text.lines().find_map(|line| line.split_once(MARK));
        let outcome = line.and_then(|(_, json)| serde_json::from_str(json).ok());
        outcome.unwrap_or_else(|| Outcome {
            seed: self.seed,
            violations: vec![match self.hangs {
                true => "the run hangs".to_owned(),
                false => format!("the run crashed: {status}"),
            }],
            ..Outcome::default()
        })
    }
}

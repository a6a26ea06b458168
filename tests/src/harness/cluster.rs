//! Several brokers that form a cluster, each a process with a data directory and ports of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::broker::Ended;
use super::http::{HttpAnswer, get};
use super::ports::free_port;
use super::ran::{Ran, run, without_settings};
use super::running::{Running, TIMEOUT};
use super::strand_binary;
use super::wait::eventually;

/// Brokers 0 to N-1, and those that come later. They run only where a test has started them.
#[derive(Debug)]
pub struct Cluster {
    initial: u32,
    flags: Vec<String>,
    members: Vec<Member>,
    home: TempDir,
}

/// Where a broker of a cluster lives, where that is not the loopback interface and a temporary directory.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its data directory.
    pub data: Option<PathBuf>,
    /// Its host's address.
    pub host: Option<String>,
    /// What to run it under, such as `ip netns exec …`; it must keep the process id.
    pub under: Vec<String>,
}

/// A broker: what stays of it when its process has ended.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) data: PathBuf,
    log: PathBuf,
    flags: Vec<String>,
    host: String,
    under: Vec<String>,
    pub(super) ports: Ports,
    /// Where it looks for others, where that is not the list of the initial brokers as it is now.
    pub(super) peers: Option<String>,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    grpc: u16,
    peer: u16,
    http: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        Self {
            grpc: free_port(),
            peer: free_port(),
            http: free_port(),
        }
    }
}

impl Cluster {
    /// So many brokers, all running and ready.
    #[track_caller]
    pub fn start(brokers: u32) -> Self {
        Self::start_with(brokers, &[])
    }

    /// The same, each with these flags.
    #[track_caller]
    pub fn start_with(brokers: u32, flags: &[&str]) -> Self {
        let mut cluster = Self::plan(brokers, flags);
        for id in 0..brokers {
            cluster.launch(id);
        }
        cluster.await_all_ready();
        cluster
    }

    /// So many brokers, of which none runs yet.
    pub fn plan(brokers: u32, flags: &[&str]) -> Self {
        let home = tempfile::Builder::new()
            .prefix("strandline-cluster-")
            .tempdir()
            .expect("a temporary directory");
        let mut cluster = Self {
            initial: brokers,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            members: Vec::new(),
            home,
        };
        for _ in 0..brokers {
            cluster.add(&[]);
        }
        cluster
    }

    /// A broker at each of these places, all running and ready, each with these flags.
    #[track_caller]
    pub fn start_at(places: Vec<Place>, flags: &[&str]) -> Self {
        let brokers = u32::try_from(places.len()).expect("few brokers");
        let mut cluster = Self::plan(brokers, flags);
        for (member, place) in cluster.members.iter_mut().zip(places) {
            member.stand_at(place);
        }
        for id in 0..brokers {
            cluster.launch(id);
        }
        cluster.await_all_ready();
        cluster
    }

    /// A broker at each of these places, none of them running yet. They find each other by one name, which stands for
    /// the hosts of all of them; so their peer listeners share a port.
    #[track_caller]
    pub fn plan_by_name(places: Vec<Place>, name: &str) -> Self {
        let brokers = u32::try_from(places.len()).expect("few brokers");
        let mut cluster = Self::plan(brokers, &[]);
        let port = free_port();
        cluster.flags = vec![format!("--cluster-peers={name}:{port}")];
        for (member, place) in cluster.members.iter_mut().zip(places) {
            member.host = place.host.unwrap_or_else(|| member.host.clone());
            member.under = place.under;
            member.ports.peer = port;
        }
        cluster
    }

    /// One more broker, which does not run yet; with flags of its own. Its number.
    pub fn add(&mut self, flags: &[&str]) -> u32 {
        let id = u32::try_from(self.members.len()).expect("few brokers");
        self.members.push(Member {
            data: self.home.path().join(format!("broker-{id}")),
            log: self.home.path().join(format!("broker-{id}.log")),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            host: "127.0.0.1".to_owned(),
            under: Vec::new(),
            ports: Ports::free(),
            peers: None,
            running: None,
        });
        id
    }

    /// The same, at a place of its own.
    pub fn add_at(&mut self, place: Place) -> u32 {
        let id = self.add(&[]);
        self.member_mut(id).stand_at(place);
        id
    }

    /// Starts a broker's process; it may have to wait for others before it is ready.
    #[track_caller]
    pub fn launch(&mut self, id: u32) {
        let mut command = self.broker_command(id);
        let member = self.member_mut(id);
        assert!(!member.runs(), "broker {id} runs already");
        let (running, _) = Running::spawn(&mut command);
        member.running = Some(running);
    }

    /// Starts a broker again, and waits until it is ready.
    #[track_caller]
    pub fn restart(&mut self, id: u32) {
        self.launch(id);
        self.await_ready(id);
    }

    /// See [`Running::freeze`].
    #[track_caller]
    pub fn freeze(&mut self, id: u32) {
        self.running(id).freeze();
    }

    /// `kill -9`.
    #[track_caller]
    pub fn kill(&mut self, id: u32) {
        self.running(id).kill();
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn terminate(&mut self, id: u32) -> Ended {
        let began = Instant::now();
        self.running(id).signal(Signal::TERM);
        self.await_end(id, began)
    }

    /// Waits until a broker's process has ended by itself.
    #[track_caller]
    pub fn ends(&mut self, id: u32) -> Ended {
        self.await_end(id, Instant::now())
    }

    #[track_caller]
    fn await_end(&mut self, id: u32, began: Instant) -> Ended {
        let status = self.running(id).wait(TIMEOUT);
        let Some(status) = status else {
            panic!("broker {id} was still running after {TIMEOUT:?}");
        };
        Ended {
            code: status.code(),
            took: began.elapsed(),
        }
    }

    /// Sends a broker's process a signal, such as SIGSTOP and SIGCONT.
    #[track_caller]
    pub fn signal(&mut self, id: u32, signal: Signal) {
        self.running(id).signal(signal);
    }

    /// Whether a broker's process runs.
    pub fn runs(&mut self, id: u32) -> bool {
        self.member_mut(id).runs()
    }

    /// A broker's process id.
    #[track_caller]
    pub fn pid(&mut self, id: u32) -> u32 {
        self.running(id).pid()
    }

    /// Waits until a broker is ready.
    #[track_caller]
    pub fn await_ready(&mut self, id: u32) {
        let began = Instant::now();
        loop {
            let answer = self.readiness(id);
            if answer.as_ref().is_some_and(|answer| answer.status == 200) {
                return;
            }
            assert!(self.runs(id), "broker {id} has ended before it was ready");
            assert!(
                began.elapsed() < TIMEOUT,
                "broker {id} was not ready within {TIMEOUT:?}\n{}",
                self.testimony()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until every broker that runs is ready.
    #[track_caller]
    pub fn await_all_ready(&mut self) {
        for id in self.ids() {
            if self.runs(id) {
                self.await_ready(id);
            }
        }
    }

    /// What a broker says of how ready it is.
    pub fn readiness(&self, id: u32) -> Option<HttpAnswer> {
        get(&self.http(id), "/readyz")
    }

    /// Who leads a partition, if a broker that answers knows.
    pub fn leader(&self, topic: &str, partition: usize) -> Option<u32> {
        let described = self.strand(&["topic", "describe", topic, "--json"]);
        if described.code != 0 {
            return None;
        }
        let leader = described.json()["partitions"][partition]["leader"].as_u64()?;
        u32::try_from(leader).ok()
    }

    /// Waits until somebody leads a partition: who.
    #[track_caller]
    pub fn await_leader(&self, topic: &str, partition: usize) -> u32 {
        eventually(&format!("a leader of {topic}-{partition}"), || {
            self.leader(topic, partition)
        })
    }

    /// `strand topic create`.
    #[track_caller]
    pub fn create_topic(
        &self,
        topic: &str,
        partitions: u32,
        replication_factor: u32,
        config: &[&str],
    ) -> Ran {
        let (partitions, factor) = (partitions.to_string(), replication_factor.to_string());
        let mut create = vec!["topic", "create", topic, "--partitions", &partitions];
        create.extend(["--replication-factor", &factor]);
        for setting in config {
            create.extend(["--config", setting]);
        }
        self.strand(&create)
    }

    /// `strand cluster describe --json`.
    #[track_caller]
    pub fn describe(&self) -> Value {
        self.strand(&["cluster", "describe", "--json"]).ok().json()
    }

    /// Runs `strand` against whichever broker answers.
    #[track_caller]
    pub fn strand(&self, arguments: &[&str]) -> Ran {
        self.strand_in(arguments, b"")
    }

    /// The same, with this input.
    #[track_caller]
    pub fn strand_in(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        run(self.command(arguments), stdin, TIMEOUT)
    }

    /// Runs `strand` against one broker.
    #[track_caller]
    pub fn strand_at(&self, id: u32, arguments: &[&str]) -> Ran {
        let mut command = Command::new(strand_binary());
        command.args(arguments).args(["--server", &self.grpc(id)]);
        run(command, b"", TIMEOUT)
    }

    /// `strand` against whichever broker answers, yet to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(strand_binary());
        command.args(arguments).args(["--server", &self.servers()]);
        command
    }

    /// The gRPC addresses of all brokers, with commas between them.
    pub fn servers(&self) -> String {
        let addresses: Vec<_> = self.ids().into_iter().map(|id| self.grpc(id)).collect();
        addresses.join(",")
    }

    /// The numbers of all brokers.
    pub fn ids(&self) -> Vec<u32> {
        (0..).take(self.members.len()).collect()
    }

    /// A broker's gRPC address.
    pub fn grpc(&self, id: u32) -> String {
        self.member(id).address(|ports| ports.grpc)
    }

    /// A broker's HTTP address.
    pub fn http(&self, id: u32) -> String {
        self.member(id).address(|ports| ports.http)
    }

    /// The address where other brokers reach it.
    pub fn peer(&self, id: u32) -> String {
        self.member(id).address(|ports| ports.peer)
    }

    /// A broker's data directory.
    pub fn data(&self, id: u32) -> &Path {
        &self.member(id).data
    }

    /// What a broker has logged so far, in all its lives.
    pub fn log(&self, id: u32) -> String {
        fs::read_to_string(&self.member(id).log).unwrap_or_default()
    }

    /// The peer addresses of the initial brokers.
    pub fn peers(&self) -> String {
        let initial = self.ids().into_iter().take(self.initial as usize);
        let addresses: Vec<_> = initial.map(|id| self.peer(id)).collect();
        addresses.join(",")
    }

    fn broker_command(&self, id: u32) -> Command {
        let member = self.member(id);
        let mut command = match member.under.split_first() {
            None => Command::new(strand_binary()),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(strand_binary());
                command
            }
        };
        without_settings(&mut command);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&member.log)
            .expect("the log file opens");
        command
            .args(["broker", "--id", &id.to_string()])
            .args(["--grpc", &self.grpc(id), "--http", &self.http(id)])
            .args(["--peer", &self.peer(id)])
            .args(["--initial-brokers", &self.initial.to_string(), "--data"])
            .arg(&member.data)
            .args(&self.flags)
            .args(&member.flags);
        let names_peers = |flag: &String| flag.starts_with("--cluster-peers");
        if !member.flags.iter().chain(&self.flags).any(names_peers) {
            let peers = member.peers.clone().unwrap_or_else(|| self.peers());
            command.args(["--cluster-peers", &peers]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        command
    }

    fn member(&self, id: u32) -> &Member {
        self.members.get(id as usize).expect("such a broker")
    }

    pub(super) fn member_mut(&mut self, id: u32) -> &mut Member {
        self.members.get_mut(id as usize).expect("such a broker")
    }

    #[track_caller]
    fn running(&mut self, id: u32) -> &mut Running {
        let running = self.member_mut(id).running.as_mut();
        running.unwrap_or_else(|| panic!("broker {id} was never started"))
    }
}

impl Member {
    fn stand_at(&mut self, place: Place) {
        self.data = place.data.unwrap_or_else(|| self.data.clone());
        self.host = place.host.unwrap_or_else(|| self.host.clone());
        self.under = place.under;
    }

    fn address(&self, port: impl FnOnce(Ports) -> u16) -> String {
        format!("{}:{}", self.host, port(self.ports))
    }

    pub(super) fn runs(&mut self) -> bool {
        let running = self.running.as_mut();
        running.is_some_and(|running| running.wait(Duration::ZERO).is_none())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            for id in self.ids() {
                eprintln!("--- the log of broker {id} ---\n{}", self.log(id));
            }
        }
    }
}

//! Starts the brokers of a throw-away cluster, says what to try, starts again what was killed, ends them all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::failed;
use super::member::{Event, Member};
use super::places::{Addresses, Home, addresses};
use crate::failure::Failure;
use crate::output::{notice, write_line};

const CLUSTER_NAME: &str = "--cluster-name";

/// How long a killed broker stays away: long enough to see the others do without it.
const AWAY: Duration = Duration::from_secs(5);

/// How long brokers may take to stop before they are killed.
const STOP_WAIT: Duration = Duration::from_secs(30);

/// How long a killed process may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// The cluster.
pub(super) struct Supervisor {
    fate: String,
    places: Vec<Addresses>,
    arguments: BTreeMap<u32, Vec<String>>,
    running: BTreeMap<u32, Member>,
    ready: BTreeSet<u32>,
    announced: bool,
    told: UnboundedSender<(u32, Event)>,
    events: UnboundedReceiver<(u32, Event)>,
}

impl Supervisor {
    /// Starts every broker.
    pub(super) fn start(home: &Home, brokers: u32, flags: &[String]) -> Result<Self, Failure> {
        let places = addresses(brokers)?;
        let own = places.iter().zip(0..);
        let arguments = own
            .map(|(place, id)| (id, arguments(id, place, home, &places, flags)))
            .collect();
        let (told, events) = unbounded_channel();
        let mut cluster = Self {
            fate: home.fate(),
            arguments,
            running: BTreeMap::new(),
            ready: BTreeSet::new(),
            announced: false,
            places,
            told,
            events,
        };
        for id in 0..brokers {
            if let Err(error) = cluster.spawn(id) {
                cluster.kill();
                return Err(failed(format!("cannot start broker {id}: {error}")));
            }
        }
        Ok(cluster)
    }

    fn spawn(&mut self, id: u32) -> io::Result<()> {
        let arguments = self.arguments.get(&id).map_or(&[][..], Vec::as_slice);
        let member = Member::spawn(id, arguments, &self.told)?;
        self.running.insert(id, member);
        Ok(())
    }

    /// Runs until a signal comes or a broker cannot go on.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let outcome = self.serve().await;
        notice("stopping the brokers; another Ctrl-C kills them");
        self.stop().await;
        outcome
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        let mut stop = std::pin::pin!(stop_signal()?);
        let mut away: BTreeMap<u32, Instant> = BTreeMap::new();
        loop {
            let back = away.iter().map(|(id, at)| (*at, *id)).min();
            let back = async {
                match back {
                    Some((at, id)) => {
                        sleep_until(at).await;
                        id
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                signal = &mut stop => {
                    notice(signal);
                    return Ok(());
                }
                id = back => {
                    away.remove(&id);
                    notice(&format!("broker {id} is started again"));
                    self.spawn(id).map_err(|error| failed(format!("cannot start broker {id}: {error}")))?;
                }
                event = self.events.recv() => {
                    // There is always a sender: the one that new brokers get.
                    let Some((id, event)) = event else { return Ok(()) };
                    if let Some(at) = self.happened(id, event)? {
                        away.insert(id, at);
                    }
                }
            }
        }
    }

    /// When to start the broker again, where it was killed.
    fn happened(&mut self, id: u32, event: Event) -> Result<Option<Instant>, Failure> {
        match event {
            Event::Ready => {
                self.ready.insert(id);
                if !self.announced && self.ready.len() == self.arguments.len() {
                    self.announced = true;
                    self.announce()?;
                }
                Ok(None)
            }
            Event::Ended(status) => {
                self.running.remove(&id);
                self.ready.remove(&id);
                match status {
                    Ok(status) if status.signal().is_some() => {
                        let seconds = AWAY.as_secs();
                        notice(&format!(
                            "broker {id} was killed ({status}); it is started again in {seconds} s"
                        ));
                        Ok(Some(Instant::now() + AWAY))
                    }
                    status => Err(failed(format!("broker {id} has ended: {}", shown(status)))),
                }
            }
        }
    }

    fn announce(&self) -> Result<(), Failure> {
        write_line("")?;
        for (place, id) in self.places.iter().zip(0u32..) {
            let pid = self.running.get(&id).map_or(0, Member::pid);
            write_line(&format!(
                "broker {id}: grpc {}, http {}, process {pid}",
                place.grpc, place.http
            ))?;
        }
        write_line(&format!("all ready; {}", self.fate))?;
        let servers: Vec<_> = self
            .places
            .iter()
            .map(|place| place.grpc.to_string())
            .collect();
        let server = match servers.as_slice() {
            [only] if only == "127.0.0.1:7700" => String::new(),
            servers => format!(" --server {}", servers.join(",")),
        };
        write_line("try, in another terminal:")?;
        for command in [
            "strand topic create greetings --partitions 3",
            "strand cluster describe",
            "strand topic describe greetings",
        ] {
            write_line(&format!("  {command}{server}"))?;
        }
        write_line(&format!(
            "  seq 1 1000000 | strand produce greetings{server}      and kill -9 the process of a leader meanwhile"
        ))
    }

    /// SIGTERM for all, and SIGKILL for those that take too long or where a second signal comes.
    async fn stop(&mut self) {
        for member in self.running.values() {
            member.signal(Signal::TERM);
        }
        let deadline = Instant::now() + STOP_WAIT;
        let again = async {
            match stop_signal() {
                Ok(signal) => drop(signal.await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = timeout_at(deadline, self.all_ended()) => {}
            () = again => {}
        }
        self.kill();
        // What a killed process still writes would be in the way of removing its data.
        let _ = timeout(KILL_WAIT, self.all_ended()).await;
        // What they have said last is on its way through the threads that show it.
        sleep(Duration::from_millis(50)).await;
    }

    async fn all_ended(&mut self) {
        while !self.running.is_empty() {
            if let Some((id, Event::Ended(_))) = self.events.recv().await {
                self.running.remove(&id);
            }
        }
    }

    fn kill(&self) {
        for (id, member) in &self.running {
            notice(&format!("broker {id} is killed"));
            member.signal(Signal::KILL);
        }
    }
}

/// The command line of one broker.
fn arguments(
    id: u32,
    place: &Addresses,
    home: &Home,
    places: &[Addresses],
    flags: &[String],
) -> Vec<String> {
    let mut arguments = vec![
        format!("--id={id}"),
        format!("--data={}", home.data(id).display()),
        format!("--grpc={}", place.grpc),
        format!("--http={}", place.http),
    ];
    if places.len() > 1 {
        arguments.push(format!("--peer={}", place.peer));
        let peers: Vec<_> = places.iter().map(|place| place.peer.to_string()).collect();
        arguments.push(format!("--cluster-peers={}", peers.join(",")));
        arguments.push(format!("--initial-brokers={}", places.len()));
        // Another such cluster may get the ports of a broker that is away: the two must not take each other for theirs.
        if !flags.iter().any(|flag| flag.starts_with(CLUSTER_NAME)) {
            arguments.push(format!("{CLUSTER_NAME}=dev-{}", std::process::id()));
        }
    }
    arguments.extend_from_slice(flags);
    arguments
}

/// Waits for the first signal that ends the cluster; its name.
fn stop_signal() -> Result<impl Future<Output = &'static str>, Failure> {
    let catch =
        |kind| signal(kind).map_err(|error| failed(format!("cannot catch signals: {error}")));
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut hangup = catch(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            _ = hangup.recv() => "SIGHUP",
        }
    })
}

fn shown(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("{status}; its lines above say why"),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_have_a_cluster_name_that_no_other_such_cluster_has_unless_one_is_given() {
        let directory = std::env::temp_dir();
        let home = Home::open(Some(&directory)).unwrap();
        let places = addresses(3).unwrap();
        let names = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let given = arguments(1, &places[1], &home, &places, &flags);
            let names = given.iter().filter(|one| one.starts_with(CLUSTER_NAME));
            names.cloned().collect::<Vec<_>>()
        };
        let own = format!("{CLUSTER_NAME}=dev-{}", std::process::id());
        assert_eq!(names(&[]), [own]);
        assert_eq!(names(&["--cluster-name=mine"]), ["--cluster-name=mine"]);
        assert_eq!(names(&["--cluster-name", "mine"]), ["--cluster-name"]);
    }
}

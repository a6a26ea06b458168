//! The broker under test: the release binary `strand broker`, in a process of its own, on free loopback ports.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rpc::v1::topic_client::TopicClient;
use rpc::v1::{CreateTopicRequest, DeleteTopicRequest, GetTopicRequest};
use tonic::transport::{Channel, Endpoint};

use crate::harness::{Child, Pass, target_directory};

/// How long partitions may take to get their leaders.
const LED_WITHIN: Duration = Duration::from_secs(10);
/// How long the files of a deleted topic may stay.
const DELETED_WITHIN: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// What an acknowledgement waits for: the topic config `durability`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Durability {
    Fsync,
    PageCache,
}

impl Durability {
    /// As the topic config says it.
    pub(crate) fn config(self) -> String {
        let name = match self {
            Self::Fsync => "fsync",
            Self::PageCache => "page-cache",
        };
        name.to_owned()
    }
}

/// Finds the broker's program, and has cargo build it unless one was named.
pub(crate) fn program(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "cli"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("running cargo; name the broker's program with --broker instead")?;
    ensure!(built.success(), "the broker does not build");
    Ok(target_directory()?.join("release/strand"))
}

/// A running broker.
pub(crate) struct Broker {
    process: Child,
    address: SocketAddr,
    data: PathBuf,
}

impl Broker {
    /// Starts a broker on a data directory, and waits until it says that it is ready. Its own words go to a file
    /// beside the data.
    pub(crate) fn start(program: &Path, data: &Path) -> Result<Self> {
        Self::start_under(&[], program, data)
    }

    /// The same under another program, such as `valgrind`, with its arguments.
    pub(crate) fn start_under(wrapper: &[&str], program: &Path, data: &Path) -> Result<Self> {
        let command = match wrapper {
            [] => Command::new(program),
            [wrapper, arguments @ ..] => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
        };
        let listeners = ["--grpc", "--peer", "--http"];
        let flags = listeners.map(|listener| [listener.to_owned(), "127.0.0.1:0".to_owned()]);
        Self::launch(command, data, flags.as_flattened())
    }

    /// Starts a broker with flags that say where it listens.
    pub(crate) fn start_with(program: &Path, data: &Path, flags: &[String]) -> Result<Self> {
        Self::launch(Command::new(program), data, flags)
    }

    fn launch(mut command: Command, data: &Path, flags: &[String]) -> Result<Self> {
        let program = command.get_program().to_owned();
        let words_path = data.with_extension("log");
        let words = File::options()
            .append(true)
            .create(true)
            .open(&words_path)
            .context("creating a file for the broker's words")?;
        command.arg("broker").arg("--data").arg(data);
        command.args(flags).stderr(words);
        let (process, address) = Child::start(&mut command, ready_address).with_context(|| {
            let words = fs::read_to_string(&words_path).unwrap_or_default();
            format!("starting {}; it said: {words}", program.display())
        })?;
        Ok(Self {
            process,
            address,
            data: data.to_owned(),
        })
    }

    /// Where it serves gRPC.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process's id: the wrapper's, if there is one.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// CPU seconds used so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        self.process.cpu_seconds()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.terminate()
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(self) -> Result<()> {
        self.process.kill()
    }

    /// Runs a load, and adds the broker's CPU time to what it gave.
    pub(crate) fn measure(&self, load: impl FnOnce(SocketAddr) -> Result<Pass>) -> Result<Pass> {
        self.process.measure(|| load(self.address))
    }

    /// Creates a topic, and waits until every partition has a leader.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        durability: Durability,
    ) -> Result<()> {
        with_topics(self.address, async |mut topics| {
            let request = CreateTopicRequest {
                name: name.to_owned(),
                partitions: Some(partitions),
                configs: [("durability".to_owned(), durability.config())].into(),
                ..CreateTopicRequest::default()
            };
            topics.create_topic(request).await?;
            let deadline = Instant::now() + LED_WITHIN;
            while Instant::now() < deadline {
                let name = name.to_owned();
                let answer = topics.get_topic(GetTopicRequest { name }).await?;
                let topic = answer.into_inner().topic.unwrap_or_default();
                if topic.partitions.len() == partitions as usize
                    && topic.partitions.iter().all(|p| p.leader.is_some())
                {
                    return Ok(());
                }
            }
            bail!("{name} has no leader within {LED_WITHIN:?}")
        })
    }

    /// Deletes a topic, and waits until its files are gone: the work of unlinking them is nobody's pass.
    pub(crate) fn delete_topic(&self, name: &str) -> Result<()> {
        let before = self.topic_directories()?;
        with_topics(self.address, async |mut topics| {
            let name = name.to_owned();
            topics.delete_topic(DeleteTopicRequest { name }).await?;
            Ok(())
        })?;
        let deadline = Instant::now() + DELETED_WITHIN;
        while self.topic_directories()? >= before {
            ensure!(
                Instant::now() < deadline,
                "the files of {name} are still there after {DELETED_WITHIN:?}"
            );
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn topic_directories(&self) -> Result<usize> {
        Ok(fs::read_dir(self.data.join("partitions"))?.count())
    }
}

/// Asks a broker something about topics.
pub(crate) fn with_topics<T>(
    server: SocketAddr,
    ask: impl AsyncFnOnce(TopicClient<Channel>) -> Result<T>,
) -> Result<T> {
    connected(server, async |channel| ask(TopicClient::new(channel)).await)
}

/// Asks a broker something on a connection of its own.
pub(crate) fn connected<T>(
    server: SocketAddr,
    ask: impl AsyncFnOnce(Channel) -> Result<T>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{server}"))?;
        ask(endpoint.connect().await?).await
    })
}

/// The gRPC address in the line that a broker prints once it is ready.
fn ready_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(" ready: ")?;
    rest.split(", ")
        .find_map(|listener| listener.strip_prefix("grpc "))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_tells_the_address() {
        let line = "strand broker 0 ready: grpc 127.0.0.1:7700, http 127.0.0.1:7702, data ./d";
        assert_eq!(ready_address(line), Some("127.0.0.1:7700".parse().unwrap()));
        assert_eq!(ready_address("something else"), None);
    }
}

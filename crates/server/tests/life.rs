//! A broker's life in this process: start, ready, health, metrics, stop, start again, refusals.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use server::{BrokerArgs, DirectoryError, Ready, RunError, Settings};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Settings as the flags say, for a directory of the test's own and ports that are free.
fn settings(data: &Path, flags: &[&str]) -> Settings {
    let command = <BrokerArgs as clap::Args>::augment_args(
        clap::Command::new("broker").args_override_self(true),
    );
    let data = data.to_str().unwrap();
    let common = [
        "broker",
        "--data",
        data,
        "--grpc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
    ];
    let words = common.iter().chain(flags);
    let args =
        <BrokerArgs as clap::FromArgMatches>::from_arg_matches(&command.get_matches_from(words));
    Settings::of(&args.unwrap(), &|_| None).unwrap()
}

/// A broker on a thread of its own.
struct Running {
    ready: Ready,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<Result<(), RunError>>,
}

impl Running {
    fn start(settings: Settings) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            serve(settings, async { drop(stopped.await) }, move |ready| {
                tell.send(ready.clone()).unwrap();
            })
        });
        let ready = told.recv_timeout(Duration::from_secs(30)).unwrap();
        Self {
            ready,
            stop,
            thread,
        }
    }

    fn stop(self) -> Result<(), RunError> {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

fn serve(
    settings: Settings,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&Ready),
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(server::serve(settings, stop, ready))
}

/// What an HTTP port answers, head and body.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: strand\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Why a broker does not start.
fn refusal(settings: Settings) -> RunError {
    serve(settings, std::future::pending(), |_| {}).unwrap_err()
}

#[test]
fn a_broker_starts_is_ready_shows_its_metrics_and_stops_cleanly_again_and_again() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    for start in 1..=2 {
        let broker = Running::start(settings(&data, &[]));
        assert_ne!(
            broker.ready.grpc.port(),
            0,
            "the port that the system chose is told"
        );
        let ready = get(broker.ready.http, "/readyz");
        assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
        assert!(
            ready.ends_with("{\"ready\":true,\"partitions\":0,\"not_ready\":[]}\n"),
            "{ready}"
        );
        assert!(get(broker.ready.http, "/healthz").starts_with("HTTP/1.1 200 "));
        assert!(get(broker.ready.http, "/nothing").starts_with("HTTP/1.1 404 "));
        let metrics = get(broker.ready.http, "/metrics");
        for name in [
            "strandline_produced_records_total",
            "strandline_build_info{version=",
        ] {
            assert!(metrics.contains(name), "{name} is not in {metrics}");
        }
        broker.stop().unwrap();
        let identity = std::fs::read_to_string(data.join("strandline")).unwrap();
        assert!(
            identity.contains(&format!("starts {start}\nstopped cleanly\n")),
            "{identity}"
        );
    }
}

#[test]
fn a_broker_alone_may_have_any_number_and_keeps_it() {
    let directory = TempDir::new().unwrap();
    for _ in 0..2 {
        let broker = Running::start(settings(directory.path(), &["--id", "5"]));
        assert_eq!(broker.ready.id, 5);
        broker.stop().unwrap();
    }
    let error = refusal(settings(directory.path(), &[]));
    assert_eq!(error.exit_code(), 7);
    assert!(
        error.to_string().contains("belongs to broker 5, not 0"),
        "{error}"
    );
}

#[test]
fn a_stop_does_not_wait_for_connections_that_do_nothing() {
    let directory = TempDir::new().unwrap();
    let broker = Running::start(settings(directory.path(), &["--shutdown-timeout", "1s"]));
    let mut silent = TcpStream::connect(broker.ready.grpc).unwrap();
    // The server's first frame: the connection has reached its core.
    silent.read_exact(&mut [0; 9]).unwrap();
    let started = Instant::now();
    broker.stop().unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_second_broker_is_refused_with_the_process_id_and_exit_code_7() {
    let directory = TempDir::new().unwrap();
    let broker = Running::start(settings(directory.path(), &[]));
    let error = refusal(settings(directory.path(), &[]));
    assert_eq!(error.exit_code(), 7);
    assert!(
        matches!(error, RunError::Directory(DirectoryError::Locked { holder: Some(pid), .. }) if pid == std::process::id())
    );
    broker.stop().unwrap();
}

#[test]
fn a_port_in_use_is_refused_by_name_and_leaves_the_directory_to_others() {
    let directory = TempDir::new().unwrap();
    let broker = Running::start(settings(&directory.path().join("first"), &[]));
    let grpc = broker.ready.grpc.to_string();
    let second = directory.path().join("second");
    let error = refusal(settings(&second, &["--grpc", &grpc]));
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    assert!(
        text.contains(&format!("port in use: {grpc} (setting grpc)")),
        "{text}"
    );
    Running::start(settings(&second, &[])).stop().unwrap();
    broker.stop().unwrap();
}

#[test]
fn a_foreign_directory_is_refused_with_exit_code_7() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("photo.jpg"), "x").unwrap();
    assert_eq!(refusal(settings(directory.path(), &[])).exit_code(), 7);
}

//! `strand dev`: a cluster in one command, and nothing left of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;

use rustix::process::Signal;
use strandline_tests::harness::{Running, TIMEOUT, strand, strand_binary};

/// Such a cluster takes the default ports where they are free, and looks for others where not: one at a time, or two
/// may find the same.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_throw_away_cluster_runs_and_leaves_nothing_behind() {
    let _alone = ONE_AT_A_TIME.lock();
    let mut command = Command::new(strand_binary());
    command
        .args(["dev", "--brokers", "3", "--", "--log-level", "warn"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let (mut dev, pipes) = Running::spawn(&mut command);
    let lines = read(pipes.stdout.expect("stdout is piped"));
    let until = |part: &str| {
        let mut seen = Vec::new();
        loop {
            let line = lines.recv_timeout(TIMEOUT);
            let line = line.unwrap_or_else(|_| panic!("`{part}` is not in {seen:#?}"));
            seen.push(line.clone());
            if line.contains(part) {
                return (line, seen);
            }
        }
    };
    let (data, printed) = until("all ready; data in ");
    let addresses: Vec<_> = printed
        .iter()
        .filter_map(|line| line.split_once(": grpc ")?.1.split_once(','))
        .map(|(address, _)| address.to_owned())
        .collect();
    assert_eq!(addresses.len(), 3, "{printed:#?}");
    let server = addresses.join(",");
    let run = |arguments: &[&str]| strand(&[arguments, &["--server", &server]].concat(), b"a\n");
    run(&["produce", "greetings"]).ok();
    let described = run(&["cluster", "describe", "--json"]).ok().json();
    assert_eq!(described["brokers"].as_array().unwrap().len(), 3);
    dev.signal(Signal::INT);
    let status = dev.wait(TIMEOUT).expect("it ends");
    assert_eq!(status.code(), Some(0));
    let data = data.split_once("data in ").unwrap().1;
    let data = data.strip_suffix(" (removed at the end)").unwrap();
    assert!(!Path::new(data).exists(), "{data} is removed");
    run(&["cluster", "describe"]).exits(5);
}

#[test]
fn what_is_kept_is_there_the_next_time() {
    let _alone = ONE_AT_A_TIME.lock();
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("cluster");
    let start = || {
        let mut command = Command::new(strand_binary());
        command
            .args(["dev", "--brokers", "1", "--data"])
            .arg(&data)
            .args(["--", "--log-level", "warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let (dev, pipes) = Running::spawn(&mut command);
        let lines = read(pipes.stdout.expect("stdout is piped"));
        let line = lines
            .recv_timeout(TIMEOUT)
            .and_then(|_| lines.recv_timeout(TIMEOUT));
        let line = line.expect("it says where the broker is");
        let address = line
            .split_once(": grpc ")
            .unwrap()
            .1
            .split_once(',')
            .unwrap()
            .0
            .to_owned();
        (dev, address)
    };
    let stop = |mut dev: Running| {
        dev.signal(Signal::TERM);
        assert_eq!(dev.wait(TIMEOUT).expect("it ends").code(), Some(0));
    };
    let (dev, address) = start();
    strand(&["produce", "kept", "--server", &address], b"a\nb\n").ok();
    stop(dev);
    let (dev, address) = start();
    let consume = [
        "consume",
        "kept",
        "--from-beginning",
        "--until-end",
        "--server",
        &address,
    ];
    assert_eq!(strand(&consume, b"").ok().text(), "a\nb\n");
    stop(dev);
    assert!(data.join("broker-0").exists());
}

/// The lines that come, as they come.
fn read(pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (told, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody waits for lines any more where the test is over.
            let _ = told.send(line);
        }
    });
    lines
}

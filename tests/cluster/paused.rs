//! A broker that is paused (SIGSTOP): its connections stay, and say nothing. Clients go on through another one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use strandline_tests::harness::{Cluster, Running, TIMEOUT, eventually, strand_binary};

const TOPIC: &str = "numbered";

/// The client finds the silence within 8 seconds (keep-alive); the rest is for elections, and for a busy machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(16);

/// `strand produce` and `strand consume`, both given one broker's address.
struct Clients {
    _producer: Running,
    _consumer: Running,
    input: std::process::ChildStdin,
    lines: Receiver<String>,
}

impl Clients {
    fn start(cluster: &Cluster, via: u32) -> Self {
        let strand = |arguments: &[&str]| {
            let mut command = Command::new(strand_binary());
            command
                .args(arguments)
                .args(["--server", &cluster.grpc(via)]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            Running::spawn(&mut command)
        };
        let produce = ["produce", TOPIC, "--partition", "0", "--timeout", "60s"];
        let (producer, written) = strand(&produce);
        let (consumer, read) = strand(&["consume", TOPIC, "--from-beginning"]);
        let (hears, lines) = channel();
        let stdout = BufReader::new(read.stdout.expect("piped"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The test may be over.
                let _ = hears.send(line);
            }
        });
        Self {
            _producer: producer,
            _consumer: consumer,
            input: written.stdin.expect("piped"),
            lines,
        }
    }

    /// How long a line takes through the cluster.
    fn pass(&mut self, line: &str) -> Duration {
        let began = Instant::now();
        writeln!(self.input, "{line}").expect("the producer reads");
        self.input.flush().expect("the producer reads");
        let read = self.lines.recv_timeout(TIMEOUT).expect("it comes");
        assert_eq!(read, line);
        began.elapsed()
    }
}

#[test]
fn produce_and_consume_go_on_through_another_broker_when_theirs_is_paused() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(TOPIC, 1, 3, &[]).ok();
    let leader = cluster.await_leader(TOPIC, 0);
    let via = (leader + 1) % 3;
    let mut clients = Clients::start(&cluster, via);
    clients.pass("before");
    for line in ["without their broker", "without the leader"] {
        let paused = match line {
            "without the leader" => cluster.await_leader(TOPIC, 0),
            _ => via,
        };
        cluster.signal(paused, Signal::STOP);
        let took = clients.pass(line);
        assert!(took < NOTICED_WITHIN, "{line}: {took:?}");
        println!("{line}: {took:?}");
        cluster.signal(paused, Signal::CONT);
        eventually("it is back", || {
            let answer = cluster.readiness(paused)?;
            (answer.status == 200).then_some(())
        });
        clients.pass(&format!("{line}, which is back"));
    }
}

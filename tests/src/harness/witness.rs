//! What every broker says of itself and of the others, for the text of a failure.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cluster::Cluster;
use super::http::get_within;
use super::ran::attempt;
use super::strand_binary;

/// How long each question may take: a broker that is stuck must not hide what the others say.
const PATIENCE: Duration = Duration::from_secs(5);

impl Cluster {
    /// Health, partitions, topics and cluster as each broker sees them now.
    pub fn testimony(&self) -> String {
        let mut said = String::new();
        for id in self.ids() {
            // Writing to a string does not fail.
            let _ = writeln!(said, "--- what broker {id} says ---");
            for path in ["/readyz", "/metrics/partitions"] {
                let answer = get_within(&self.http(id), path, PATIENCE);
                let answer = answer.map(|answer| (answer.status, answer.body));
                let _ = match answer {
                    Some((status, body)) => writeln!(said, "{path}: {status}\n{}", body.trim_end()),
                    None => writeln!(said, "{path}: no answer"),
                };
            }
            let _ = writeln!(said, "{}", self.asked(id, &["cluster", "describe"]));
            for topic in self.topics(id) {
                let describe = ["topic", "describe", &topic, "--json"];
                let _ = writeln!(said, "{}", self.asked(id, &describe));
            }
        }
        said
    }

    /// The names of the topics, where this broker tells them.
    fn topics(&self, id: u32) -> Vec<String> {
        let listed: Option<Value> =
            serde_json::from_str(&self.asked(id, &["topic", "list", "--json"])).ok();
        let topics = match &listed {
            Some(Value::Array(topics)) => topics.as_slice(),
            _ => &[],
        };
        let name = |topic: &Value| topic["name"].as_str().map(str::to_owned);
        topics.iter().filter_map(name).collect()
    }

    fn asked(&self, id: u32, arguments: &[&str]) -> String {
        let mut command = Command::new(strand_binary());
        command.args(arguments).args(["--server", &self.grpc(id)]);
        match attempt(command, b"", PATIENCE) {
            Ok(ran) if ran.code == 0 => ran.text(),
            Ok(ran) => ran.to_string(),
            Err(hung) => hung,
        }
    }
}

//! Brokers that find each other by one name, each with its own idea of what the name stands for.
//!
//! The names are those of `/etc/hosts`: each broker has one of its own, in a mount namespace, which the test rewrites.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use strandline_tests::harness::{Cluster, Place, command_exists, eventually, is_root, skip};
use tempfile::TempDir;

const NAME: &str = "strand-peers.test";
const BROKERS: u32 = 3;

fn host(broker: u32) -> String {
    format!("127.0.77.{}", broker + 1)
}

/// What the brokers know of the name.
struct Names {
    home: TempDir,
}

impl Names {
    fn of_nobody() -> Self {
        let names = Self {
            home: tempfile::tempdir().unwrap(),
        };
        for broker in 0..BROKERS {
            names.stands_for(broker, &[]);
        }
        names
    }

    fn file(&self, broker: u32) -> PathBuf {
        self.home.path().join(format!("hosts-{broker}"))
    }

    /// To this broker the name stands for the hosts of these. The file stays the same one: it is mounted.
    fn stands_for(&self, broker: u32, known: &[u32]) {
        let lines = known
            .iter()
            .map(|known| format!("{} {NAME}\n", host(*known)));
        fs::write(self.file(broker), lines.collect::<String>()).unwrap();
    }

    fn all_stand_for_all(&self) {
        for broker in 0..BROKERS {
            self.stands_for(broker, &[0, 1, 2]);
        }
    }

    fn place(&self, broker: u32) -> Place {
        Place {
            host: Some(host(broker)),
            under: with_hosts(&self.file(broker)),
            ..Place::default()
        }
    }
}

/// What runs a command that finds these names in `/etc/hosts`; it keeps the process id.
fn with_hosts(file: &Path) -> Vec<String> {
    let mount = format!(
        "mount --bind '{}' /etc/hosts && exec \"$@\"",
        file.display()
    );
    let command = ["unshare", "--mount", "sh", "-c", &mount, "sh"];
    command.map(str::to_owned).to_vec()
}

#[test]
fn brokers_that_know_one_name_form_one_cluster_once_it_stands_for_all_of_them() {
    if !is_root() || !command_exists("unshare") {
        return skip("forming by a name", "it needs root and `unshare`");
    }
    let names = Names::of_nobody();
    let places = (0..BROKERS).map(|broker| names.place(broker)).collect();
    let mut cluster = Cluster::plan_by_name(places, NAME);
    // The first ones that start see nobody but themselves, then two of them each other.
    names.stands_for(0, &[0]);
    names.stands_for(1, &[1]);
    cluster.launch(0);
    cluster.launch(1);
    let waits = |cluster: &Cluster, broker| {
        eventually("a broker that waits for others", || {
            let answer = cluster.readiness(broker)?;
            answer.body.contains("not in a cluster yet").then_some(())
        });
    };
    waits(&cluster, 0);
    names.stands_for(1, &[0, 1]);
    cluster.launch(2);
    eventually("a broker that has found another", || {
        cluster.log(1).contains("connected").then_some(())
    });
    for broker in 0..BROKERS {
        waits(&cluster, broker);
        let log = cluster.log(broker);
        assert!(!log.contains("a member of its cluster"), "{log}");
    }
    names.all_stand_for_all();
    cluster.await_all_ready();
    let id = |broker| {
        let described = cluster.strand_at(broker, &["cluster", "describe", "--json"]);
        described.ok().json()["cluster_id"].to_string()
    };
    let ids: BTreeSet<String> = cluster.ids().into_iter().map(id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

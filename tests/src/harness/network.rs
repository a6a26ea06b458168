//! A network made for one test: a namespace for each host and a router between them, where any direction between two
//! hosts can be cut without a word to either.
//!
//! The test itself must be in the router's namespace to reach the hosts: [`Network::inside`] runs it there, as a process
//! of its own.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::machine::{command_exists, is_root};

/// Set for the process that runs in the router's namespace.
const INSIDE: &str = "STRAND_TEST_NETWORK";

/// Hosts 0 to N-1 and their router. Its namespaces go when it is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
    hosts: u32,
}

impl Network {
    /// Runs `test` (its full name) once more within the router's namespace of a new network, and fails where it does;
    /// `None` then. Within that namespace: the network.
    ///
    /// # Errors
    /// What the machine lacks for it.
    #[track_caller]
    pub fn inside(test: &str, hosts: u32) -> Result<Option<Self>, String> {
        if let Ok(name) = std::env::var(INSIDE) {
            // The outer process removes the namespaces.
            return Ok(Some(Self { name, hosts: 0 }));
        }
        let network = Self::make(hosts)?;
        let status = Command::new("nsenter")
            .arg(within(&network.router()))
            .arg(std::env::current_exe().map_err(|error| error.to_string())?)
            .args([test, "--exact", "--nocapture", "--test-threads", "1"])
            .env(INSIDE, &network.name)
            .stdin(Stdio::null())
            .status()
            .map_err(|error| error.to_string())?;
        assert!(
            status.success(),
            "{test}, in a network of its own: {status}"
        );
        Ok(None)
    }

    fn make(hosts: u32) -> Result<Self, String> {
        if !is_root() {
            return Err("making a network needs root".into());
        }
        for tool in ["ip", "nsenter"] {
            if !command_exists(tool) {
                return Err(format!("`{tool}` is not installed"));
            }
        }
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("strand{}-{number}", std::process::id());
        let network = Self { name, hosts };
        let router = network.router();
        ip(&["netns", "add", &router])?;
        ip(&["-n", &router, "link", "set", "lo", "up"])?;
        for host in 0..hosts {
            network.add_host(host)?;
        }
        ip(&[
            "netns",
            "exec",
            &router,
            "sh",
            "-c",
            "echo 1 > /proc/sys/net/ipv4/ip_forward",
        ])?;
        Ok(network)
    }

    fn add_host(&self, host: u32) -> Result<(), String> {
        let (router, name) = (self.router(), self.host(host));
        let link = format!("to{host}");
        let (near, far) = (self.gateway(host), self.address(host));
        ip(&["netns", "add", &name])?;
        ip(&[
            "link", "add", &link, "netns", &router, "type", "veth", "peer", "name", "eth0",
            "netns", &name,
        ])?;
        ip(&[
            "-n",
            &router,
            "addr",
            "add",
            &format!("{near}/24"),
            "dev",
            &link,
        ])?;
        ip(&["-n", &router, "link", "set", &link, "up"])?;
        ip(&[
            "-n",
            &name,
            "addr",
            "add",
            &format!("{far}/24"),
            "dev",
            "eth0",
        ])?;
        ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["-n", &name, "route", "add", "default", "via", &near])
    }

    /// A host's address.
    pub fn address(&self, host: u32) -> String {
        format!("10.77.{host}.2")
    }

    /// What runs a command on a host; it keeps the process id.
    pub fn run_on(&self, host: u32) -> Vec<String> {
        vec!["nsenter".to_owned(), within(&self.host(host))]
    }

    /// From now on nothing gets from one host to another; the other way is as it was.
    #[track_caller]
    pub fn cut(&self, from: u32, to: u32) {
        self.rule("add", from, to).expect("the way is cut");
    }

    /// The way from one host to another is open again.
    #[track_caller]
    pub fn mend(&self, from: u32, to: u32) {
        self.rule("del", from, to).expect("the way is mended");
    }

    /// Cuts a host off from these others, both ways.
    #[track_caller]
    pub fn isolate(&self, host: u32, others: &[u32]) {
        for other in others {
            self.cut(host, *other);
            self.cut(*other, host);
        }
    }

    /// Undoes [`Network::isolate`].
    #[track_caller]
    pub fn rejoin(&self, host: u32, others: &[u32]) {
        for other in others {
            self.mend(host, *other);
            self.mend(*other, host);
        }
    }

    fn rule(&self, change: &str, from: u32, to: u32) -> Result<(), String> {
        let (from, to) = (self.address(from), self.address(to));
        ip(&[
            "-n",
            &self.router(),
            "rule",
            change,
            "from",
            &from,
            "to",
            &to,
            "blackhole",
        ])
    }

    fn gateway(&self, host: u32) -> String {
        format!("10.77.{host}.1")
    }

    fn router(&self) -> String {
        format!("{}-router", self.name)
    }

    fn host(&self, host: u32) -> String {
        format!("{}-host{host}", self.name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if self.hosts == 0 {
            return;
        }
        let hosts = (0..self.hosts).map(|host| self.host(host));
        for name in hosts.chain([self.router()]) {
            if let Err(error) = ip(&["netns", "del", &name]) {
                eprintln!("{error}");
            }
        }
    }
}

/// Has `nsenter` enter a network namespace and nothing else. `ip netns exec` would give the process mounts of its own,
/// which hold disks that a test unmounts.
fn within(namespace: &str) -> String {
    format!("--net=/run/netns/{namespace}")
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if ran.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&ran.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), complaint.trim()))
}

//! Looks through the seeds for brokers that are not known yet, or that are gone: who answers there says who it is.
//!
//! Names are resolved every time. What is found becomes an address of that broker; its link does the rest.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::BrokerId;
use tokio::time::sleep;

use super::Seeds;
use super::dial::{self, Jitter};
use super::network::Shared;

/// How often it is asked whether somebody is missing, while nobody is.
const QUIET: Duration = Duration::from_secs(1);

struct Scout {
    shared: Arc<Shared>,
    /// This broker's own addresses.
    mine: HashSet<SocketAddr>,
    /// Who answered at an address last.
    found: std::collections::HashMap<SocketAddr, BrokerId>,
}

/// Looks until the network stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut stopped = shared.stop.subscribe();
    let look = async {
        let limits = &shared.settings.limits;
        let mut jitter = Jitter::new(!shared.settings.jitter_seed);
        let mut scout = Scout {
            shared: shared.clone(),
            mine: HashSet::new(),
            found: std::collections::HashMap::new(),
        };
        let mut wait = limits.backoff_min;
        loop {
            if shared.is_everybody_here() {
                wait = limits.backoff_min;
                shared.seed_trouble.lock().clear();
                sleep(QUIET).await;
                continue;
            }
            scout.look().await;
            sleep(jitter.of(wait)).await;
            wait = (wait * 2).min(limits.backoff_max);
        }
    };
    tokio::select! {
        () = look => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

impl Scout {
    async fn look(&mut self) {
        let seeds = self.shared.settings.seeds.clone();
        match &seeds {
            Seeds::List(addresses) => {
                for address in addresses {
                    self.look_at(address, true).await;
                }
            }
            Seeds::Name(name) => self.look_at(name, false).await,
        }
    }

    /// Asks everybody behind a name who it is. `is_of_one`: the name stands for one broker.
    async fn look_at(&mut self, name: &str, is_of_one: bool) {
        let limits = self.shared.settings.limits.clone();
        let resolved = match dial::resolve(name, limits.connect_timeout).await {
            Ok(resolved) => resolved,
            Err(error) => return self.trouble(name, Some(error.to_string())),
        };
        self.trouble(name, None);
        for socket in resolved {
            let known = self.found.get(&socket);
            let is_known = known.is_some_and(|broker| self.shared.is_connected(*broker));
            if is_known || self.mine.contains(&socket) {
                continue;
            }
            let address = if is_of_one {
                name.to_owned()
            } else {
                socket.to_string()
            };
            let trouble = self.ask(socket, &address).await;
            self.trouble(&address, trouble);
        }
    }

    /// Asks an address who it is; what is wrong with that.
    async fn ask(&mut self, socket: SocketAddr, address: &str) -> Option<String> {
        let me = self.shared.me();
        let limits = &self.shared.settings.limits;
        let dialled = match dial::dial(socket, dial::probe(me.clone()), limits).await {
            Ok(dialled) => dialled,
            Err(error) => return Some(error.to_string()),
        };
        let hello = dialled.hello;
        if hello.is_same_process(&me) {
            self.mine.insert(socket);
            return None;
        }
        if let Err(reason) = self.shared.judge(&hello) {
            return Some(reason);
        }
        self.found.insert(socket, hello.broker);
        self.shared.book.found(hello.broker, address);
        self.shared.heard(hello);
        None
    }

    fn trouble(&self, address: &str, trouble: Option<String>) {
        let mut all = self.shared.seed_trouble.lock();
        match trouble {
            Some(trouble) => all.insert(address.to_owned(), trouble),
            None => all.remove(address),
        };
    }
}

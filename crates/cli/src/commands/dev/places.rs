//! Where the brokers of a throw-away cluster are: directories and ports.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use super::failed;
use crate::failure::Failure;

/// The ports that `strand broker` has where nobody says: gRPC, peers, HTTP.
const DEFAULT_PORTS: [u16; 3] = [7700, 7701, 7702];

/// From the ports of one broker to those of the next.
const STEP: u16 = 10;

/// The directory of all brokers.
pub(super) struct Home {
    path: PathBuf,
    is_temporary: bool,
}

impl Home {
    /// The directory that is named, or a temporary one.
    pub(super) fn open(named: Option<&Path>) -> Result<Self, Failure> {
        let (path, is_temporary) = match named {
            Some(path) => (path.to_owned(), false),
            None => {
                let name = format!("strandline-dev-{}", std::process::id());
                (std::env::temp_dir().join(name), true)
            }
        };
        let made = match is_temporary {
            // It must be new: it is removed at the end.
            true => fs::create_dir(&path),
            false => fs::create_dir_all(&path),
        };
        made.map_err(|error| failed(format!("cannot make {}: {error}", path.display())))?;
        Ok(Self { path, is_temporary })
    }

    /// The data directory of a broker.
    pub(super) fn data(&self, id: u32) -> PathBuf {
        self.path.join(format!("broker-{id}"))
    }

    /// What becomes of the data.
    pub(super) fn fate(&self) -> String {
        let path = self.path.display();
        match self.is_temporary {
            true => format!("data in {path} (removed at the end)"),
            false => format!("data in {path}"),
        }
    }

    /// Removes what is temporary.
    pub(super) fn close(self) -> Result<(), Failure> {
        if !self.is_temporary {
            return Ok(());
        }
        let path = &self.path;
        fs::remove_dir_all(path)
            .map_err(|error| failed(format!("cannot remove {}: {error}", path.display())))
    }
}

/// The loopback addresses of a broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) grpc: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) http: SocketAddr,
}

/// Addresses for so many brokers, no two the same: the first broker's are the default ones, each next ten further on,
/// and any free ones where those are taken.
pub(super) fn addresses(brokers: u32) -> Result<Vec<Addresses>, Failure> {
    let choose = || {
        // Held until all are chosen, so that none is chosen twice.
        let mut held = Vec::new();
        let mut choose = |broker: u32, wanted: u16| {
            let offset = u16::try_from(broker).ok()?.checked_mul(STEP)?;
            Some(hold(wanted.checked_add(offset)?, &mut held))
        };
        let mut chosen = Vec::new();
        for broker in 0..brokers {
            let [grpc, peer, http] = DEFAULT_PORTS
                .map(|wanted| choose(broker, wanted).unwrap_or_else(|| Err(out_of_ports())));
            chosen.push(Addresses {
                grpc: grpc?,
                peer: peer?,
                http: http?,
            });
        }
        Ok(chosen)
    };
    choose().map_err(|error: io::Error| failed(format!("cannot find free ports: {error}")))
}

fn out_of_ports() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "there are not so many")
}

fn hold(wanted: u16, held: &mut Vec<TcpListener>) -> io::Result<SocketAddr> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = bind(wanted).or_else(|_| bind(0))?;
    let address = listener.local_addr()?;
    held.push(listener);
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_brokers_share_an_address_also_where_ports_are_taken() {
        // Whoever holds them, they are taken.
        let _taken: Vec<_> = DEFAULT_PORTS
            .iter()
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)))
            .collect();
        let chosen = addresses(5).unwrap();
        let all: BTreeSet<_> = chosen
            .iter()
            .flat_map(|of| [of.grpc, of.peer, of.http])
            .collect();
        assert_eq!(all.len(), 15);
        assert!(all.iter().all(|address| address.ip().is_loopback()));
    }
}

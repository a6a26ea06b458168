//! Where something listens, or is reached: a host and a port.

use std::fmt;
use std::net::IpAddr;

use super::{Kind, quoted};

/// A host (name or address) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an IP address, an IPv6 one without its brackets.
    pub host: String,
    /// The port; 0 lets the operating system choose.
    pub port: u16,
}

impl ListenAddress {
    /// The host as an address, where it is one and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether nobody but this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The kind `HOST:PORT`.
pub(crate) struct Address {
    /// The least port: 0 where the operating system may choose one.
    pub(crate) least_port: u16,
}

/// The longest name DNS allows, in bytes.
const HOST_BYTES_MAX: usize = 253;

/// The kind `HOST:PORT,HOST:PORT`.
pub(crate) struct Addresses;

/// The most addresses of a list.
const ADDRESSES_MAX: usize = 1000;

impl Kind for Addresses {
    type Value = Vec<ListenAddress>;

    fn parse(&self, text: &str) -> Result<Vec<ListenAddress>, String> {
        let refused = |_| format!("it must be {}", self.bounds());
        let one = Address { least_port: 1 };
        let read = |part: &str| one.parse(part.trim()).map_err(refused);
        let mut addresses: Vec<ListenAddress> = Vec::new();
        for address in text.split(',').map(read) {
            let address = address?;
            if addresses.contains(&address) {
                return Err(format!("{address} stands in it twice"));
            }
            addresses.push(address);
        }
        if addresses.len() > ADDRESSES_MAX {
            return Err(format!("it must be {}", self.bounds()));
        }
        Ok(addresses)
    }

    fn toml(&self, value: &Vec<ListenAddress>) -> String {
        let texts: Vec<_> = value.iter().map(ListenAddress::to_string).collect();
        quoted(&texts.join(","))
    }

    fn bounds(&self) -> String {
        format!(
            "1 to {ADDRESSES_MAX} addresses HOST:PORT with commas between them, each host a name or an IP address \
             (IPv6 in brackets), each port 1 to 65535"
        )
    }
}

impl Kind for Address {
    type Value = ListenAddress;

    fn parse(&self, text: &str) -> Result<ListenAddress, String> {
        let refused = || format!("it must be {}", self.bounds());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let bare = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .filter(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
                .ok_or_else(refused)?,
            None => host,
        };
        let is_name = |host: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(allowed)
        };
        let is_digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().map_err(|_| refused())?;
        if !is_digits || port < self.least_port || (bare == host && !is_name(host)) {
            return Err(refused());
        }
        Ok(ListenAddress {
            host: bare.to_owned(),
            port,
        })
    }

    fn toml(&self, value: &ListenAddress) -> String {
        quoted(&value.to_string())
    }

    fn bounds(&self) -> String {
        format!(
            "HOST:PORT, the host a name or an IP address (IPv6 in brackets), the port {} to 65535",
            self.least_port
        )
    }
}

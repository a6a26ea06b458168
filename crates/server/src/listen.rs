//! Binds a listener so that a refusal tells what to do.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use thiserror::Error;

use crate::settings::ListenAddress;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A listener that is bound.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Non-blocking.
    pub(crate) listener: TcpListener,
    /// Where it listens, with the port that the system chose.
    pub(crate) address: SocketAddr,
}

/// Why nothing can listen at an address.
#[derive(Debug, Error)]
#[error(
    "{}: {address} (setting {setting}); {}choose another with --{setting}",
    reason(source),
    hint(source)
)]
pub struct BindError {
    /// The setting.
    pub setting: &'static str,
    /// The address it has.
    pub address: ListenAddress,
    /// What the operating system said.
    pub source: io::Error,
}

/// Binds the address of a setting.
///
/// # Errors
/// [`BindError`], which names both.
pub(crate) fn bind(setting: &'static str, address: &ListenAddress) -> Result<Bound, BindError> {
    let bind = || {
        let listener = TcpListener::bind((address.host.as_str(), address.port))?;
        // Once more: std asks for 128, which is few when many clients come back at once.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Bound { listener, address })
    };
    let bound = bind().map_err(|source| BindError {
        setting,
        address: address.clone(),
        source,
    })?;
    if !bound.address.ip().is_loopback() {
        tracing::warn!(
            setting,
            address = %bound.address,
            "the {setting} listener is reachable from other machines, and there is no authentication yet: \
             whoever reaches it may read and delete everything"
        );
    }
    Ok(bound)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "port in use".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        ErrorKind::PermissionDenied => "not allowed to listen at".to_owned(),
        _ => format!("cannot listen ({error})"),
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "another broker? ",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> ListenAddress {
        ListenAddress {
            host: "127.0.0.1".to_owned(),
            port,
        }
    }

    #[test]
    fn a_port_in_use_is_refused_with_address_setting_and_flag() {
        let first = bind("grpc", &address(0)).unwrap();
        let port = first.address.port();
        let refusal = bind("grpc", &address(port)).unwrap_err().to_string();
        assert_eq!(
            refusal,
            format!(
                "port in use: 127.0.0.1:{port} (setting grpc); another broker? choose another with --grpc"
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_is_refused_by_name() {
        let elsewhere = ListenAddress {
            host: "192.0.2.1".to_owned(),
            port: 0,
        };
        let refusal = bind("http", &elsewhere).unwrap_err().to_string();
        assert!(refusal.contains("192.0.2.1:0 (setting http)"), "{refusal}");
    }
}

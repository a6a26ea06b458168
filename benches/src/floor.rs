//! The floors: programs that do only the work that cannot be avoided, with no broker around it.

mod group_commit;
mod raw_echo;
mod receive;
mod send_file;
mod stub_broker;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::harness::{Child, announce, exit_with_parent};

pub(crate) use group_commit::group_commit;

/// A floor that runs as a server in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FloorServer {
    /// Receives batches, checks and writes them, one after the other.
    Receive,
    /// The same on two threads: one receives, one checks and writes.
    ReceiveOverlapped,
    /// Answers whatever it receives with the same bytes.
    RawEcho,
    /// Sends a file to whoever connects, by `sendfile`.
    SendFile,
    /// Stock tonic serving our API with nothing behind it: acknowledges at once, streams slices of a mapped file.
    StubBroker,
    /// Does nothing at all: what starting a process costs.
    Nothing,
}

impl FloorServer {
    /// Starts it in a child process; its address comes back. `data` is where files are written or found.
    pub(crate) fn start(self, data: &Path) -> Result<(Child, SocketAddr)> {
        let name = self.to_possible_value().context("a floor without a name")?;
        Child::serve([
            "--serve".as_ref(),
            name.get_name().as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
        ])
    }

    /// In the child: serves until the parent is gone.
    pub(crate) fn serve(self, data: PathBuf) -> Result<()> {
        exit_with_parent();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
        match self {
            Self::Receive => receive::serve(&listener, &data, receive::serially),
            Self::ReceiveOverlapped => receive::serve(&listener, &data, receive::overlapped),
            Self::RawEcho => raw_echo::serve(&listener),
            Self::SendFile => send_file::serve(&listener, &data),
            Self::StubBroker => stub_broker::serve(listener, data),
            Self::Nothing => announce(listener.local_addr()?),
        }
    }
}

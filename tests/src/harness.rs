//! Runs `strand`: as a broker on free loopback ports with a data directory of its own, and as a command with its
//! input, output and a time limit. Everything it starts it also ends, by its process id, whatever a test does.

mod api;
mod ballast;
mod binary;
mod broker;
mod change;
mod cluster;
mod http;
mod log_files;
mod loop_disk;
mod machine;
mod network;
mod ports;
mod ran;
mod running;
mod segments;
mod tampered_syncs;
mod wait;
mod witness;

pub use api::{Api, batch_of};
pub use ballast::Ballast;
pub use binary::strand_binary;
pub use broker::{Broker, Ended, Plan};
pub use cluster::{Cluster, Place};
pub use http::{HttpAnswer, get};
pub use log_files::{LogFile, log_files};
pub use loop_disk::LoopDisk;
pub use machine::{SmallFileSystem, command_exists, is_root};
pub use network::Network;
pub use ports::free_port;
pub use ran::{Ran, run, strand};
pub use running::{Running, TIMEOUT};
pub use segments::{bytes_on_disk, data_files, segment_files};
pub use tampered_syncs::TamperedSyncs;
pub use wait::{eventually, skip};

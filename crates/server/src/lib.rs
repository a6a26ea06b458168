//! The process: settings, data directory, listeners, telemetry, health, shutdown.
//!
//! It wires the crates together and is the only place that reads flags, the environment and the config
//! file. It knows no use case: what a request means is `broker`'s, how it is spoken is `grpc-api`'s.

mod args;
mod cluster;
mod data_directory;
mod grpc;
mod health;
mod held;
mod http;
mod listen;
mod logging;
mod membership;
mod metrics;
mod process;
mod run;
mod run_error;
mod settings;
mod signals;
mod storage;
mod wiring;

pub use args::BrokerArgs;
pub use data_directory::DirectoryError;
pub use listen::BindError;
pub use membership::MembershipError;
pub use process::{Ready, serve};
pub use run::run;
pub use run_error::RunError;
pub use settings::{ListenAddress, LogFormat, Settings, SettingsError, Source};

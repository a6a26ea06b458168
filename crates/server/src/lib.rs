//! The process: settings, data directory, listeners, telemetry, health, shutdown.
//!
//! It wires the crates together and is the only place that reads flags, the environment and the config
//! file. It knows no use case: what a request means is `broker`'s, how it is spoken is `grpc-api`'s.

mod args;
mod run;
mod run_error;
mod settings;

pub use args::BrokerArgs;
pub use run::run;
pub use run_error::RunError;
pub use settings::{ListenAddress, LogFormat, Settings, SettingsError, Source};

//! Topic configs: which there are, what their values may be, and what they do here.
//!
//! One row of [`TOPIC_CONFIGS`] per Kafka 4.x topic config and per config of our own. A topic stores the texts a
//! user set (its *overrides*); [`TopicConfig`] is what they mean, without sentinels. This module does
//! not know topics, replicas or the broker's own settings.

mod describe;
mod error;
mod parse;
mod suggest;
mod table;
mod topic_config;

pub use describe::{ConfigDescription, ConfigSource, describe};
pub use error::ConfigError;
pub use table::{ConfigEffect, ConfigKind, ConfigRow, TOPIC_CONFIGS, row};
pub use topic_config::{CleanupPolicy, TopicConfig};

pub(crate) use parse::{clipped, require_row};

//! The flags of `strand broker`.

/// Every flag of `strand broker`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct BrokerArgs {}

//! `strand cluster brokers`.

use clap::Args;

use crate::failure::Failure;
use crate::session::Session;

/// List the brokers
#[derive(Debug, Args)]
pub(crate) struct BrokersArgs {}

pub(crate) async fn run(_args: BrokersArgs, session: &Session) -> Result<(), Failure> {
    let _ = session;
    Ok(())
}

//! `strand cluster describe`.

use clap::Args;

use crate::failure::Failure;
use crate::session::Session;

/// Show the cluster: its id, size and limits
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {}

pub(crate) async fn run(_args: DescribeArgs, session: &Session) -> Result<(), Failure> {
    let _ = session;
    Ok(())
}

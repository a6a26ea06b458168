//! `strand cluster undrain`.

use clap::Args;
use serde::Serialize;

use crate::arguments::broker;
use crate::failure::Failure;
use crate::output::{write_json, write_line};
use crate::session::Session;

/// End a drain: the broker may lead again
#[derive(Debug, Args)]
pub(crate) struct UndrainArgs {
    /// The broker
    #[arg(value_name = "ID", value_parser = broker)]
    broker: i32,
}

pub(crate) async fn run(args: UndrainArgs, session: &Session) -> Result<(), Failure> {
    let broker = args.broker;
    session.admin().undrain(broker).await?;
    if session.json() {
        return write_json(&Undrained { broker });
    }
    write_line(&format!("broker {broker} may lead again"))
}

/// Which broker it was, as JSON.
#[derive(Serialize)]
struct Undrained {
    broker: i32,
}

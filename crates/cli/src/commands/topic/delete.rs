//! `strand topic delete`.

use std::io::{self, IsTerminal};

use clap::Args;
use serde::Serialize;

use crate::confirm::is_confirmed;
use crate::failure::{Exit, Failure};
use crate::output::{write_json, write_line};
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand topic delete orders           asks first, on a terminal
  strand topic delete orders --yes";

/// Delete a topic with all its records
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DeleteArgs {
    /// The topic
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(args: DeleteArgs, session: &Session) -> Result<(), Failure> {
    let question = format!("Delete the topic {} with all its records?", args.name);
    if !args.yes && io::stdin().is_terminal() && !is_confirmed(&question)? {
        return Err(Failure::new(
            Exit::Failed,
            "NOT_CONFIRMED",
            format!("{} was not deleted", args.name),
        ));
    }
    let id = session.admin().delete_topic(&args.name).await?;
    if session.json() {
        return write_json(&Deleted {
            name: &args.name,
            id: &id,
        });
    }
    write_line(&format!("{} deleted", args.name))
}

/// What was deleted, as JSON.
#[derive(Serialize)]
struct Deleted<'a> {
    name: &'a str,
    id: &'a str,
}

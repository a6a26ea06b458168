//! One module per command: its arguments, its help, its work.

pub(crate) mod bench;
pub(crate) mod broker;
pub(crate) mod cluster;
pub(crate) mod completions;
pub(crate) mod consume;
pub(crate) mod dev;
pub(crate) mod log;
pub(crate) mod produce;
pub(crate) mod topic;

use tokio::runtime::Builder;

use crate::arguments::{Addresses, Cli, Command, OutputFormat};
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Runs what the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let format = cli.global.format();
    match cli.command {
        Command::Broker(command) => broker::run(command),
        Command::Dev(args) => dev::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Log(command) => log::run(&command, format),
        command => with_session(&cli.global.server, format, command),
    }
}

/// Runs a command that talks to a broker. One thread: what arrives is handled where it arrives.
fn with_session(server: &Addresses, format: OutputFormat, command: Command) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Failed, "NO_RUNTIME", format!("cannot start: {error}"))
        })?;
    let outcome = runtime.block_on(async {
        let session = Session::open(server, format).await?;
        match command {
            Command::Topic(command) => topic::run(command, &session).await,
            Command::Produce(args) => produce::run(args, &session).await,
            Command::Consume(args) => consume::run(args, &session).await,
            Command::Cluster(command) => cluster::run(command, &session).await,
            Command::Bench(command) => bench::run(command, &session).await,
            Command::Broker(_) | Command::Dev(_) | Command::Completions(_) | Command::Log(_) => {
                Ok(())
            }
        }
    });
    // A thread that still waits for stdin must not hold up the end.
    runtime.shutdown_background();
    outcome
}

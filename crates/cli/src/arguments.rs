//! The command line: what `strand` may be asked for.

mod global;
mod parsers;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub(crate) use global::{GlobalArgs, OutputFormat};
pub(crate) use parsers::{
    Addresses, Assignment, Separator, assignment, broker, brokers, byte_count, duration, separator,
};

use crate::commands::{bench, broker, cluster, completions, consume, dev, log, produce, topic};
use crate::failure::{Exit, Failure};

const AFTER_HELP: &str = "\
Examples:
  strand broker                                     run a broker, data in ./strandline-data
  strand dev --brokers 3                            run a throw-away cluster on this machine
  echo hello | strand produce greetings             write a record; the topic is created
  strand consume greetings --from-beginning --until-end
  strand topic describe greetings --json

Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  not found: a topic, a partition, a file
  4  input refused: an invalid argument, out of range, already exists
  5  no broker reached, or no answer in time; what became of a write may be unknown
  6  no space, or over a limit
  7  the data directory is unusable: locked, foreign, newer or damaged";

/// A distributed commit log: the broker and its tools.
#[derive(Debug, Parser)]
#[command(name = "strand", version, after_help = AFTER_HELP, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Broker(broker::BrokerCommand),
    Dev(dev::DevArgs),
    Topic(topic::TopicCommand),
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    Cluster(cluster::ClusterCommand),
    Log(log::LogCommand),
    Bench(bench::BenchCommand),
    Completions(completions::CompletionsArgs),
}

/// Reads the process's arguments; the code to exit with, where there is nothing to run.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) || !wants_json()
        {
            // A closed pipe is no reason to fail: nobody reads the help any more.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        Failure::new(Exit::Usage, "USAGE", text).report(OutputFormat::Json)
    })
}

/// Whether JSON is asked for on a command line that does not parse.
fn wants_json() -> bool {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .take_while(|word| word != "--")
        .collect();
    let pair =
        |pair: &[String]| matches!(pair, [name, value] if name == "--output" && value == "json");
    arguments
        .iter()
        .any(|word| word == "--json" || word == "--output=json")
        || arguments.windows(2).any(pair)
}

#[cfg(test)]
mod tests;

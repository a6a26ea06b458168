//! The options that every command takes, wherever they stand.

use clap::{Args, ValueEnum};

use super::parsers::{Addresses, addresses};

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Table,
    /// For programs: one JSON value, or one a line
    Json,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// The broker to talk to: any of a cluster will do, and of several addresses any that answers
    #[arg(
        long,
        visible_alias = "broker",
        global = true,
        env = "STRAND_SERVER",
        default_value = "127.0.0.1:7700",
        value_name = "HOST:PORT,..",
        value_parser = addresses,
        help_heading = "Global options"
    )]
    pub(crate) server: Addresses,

    /// How results and errors are shown
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = OutputFormat::Table,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    output: OutputFormat,

    /// Short for `--output json`
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
}

impl GlobalArgs {
    /// How results are shown.
    pub(crate) fn format(&self) -> OutputFormat {
        if self.json {
            OutputFormat::Json
        } else {
            self.output
        }
    }
}

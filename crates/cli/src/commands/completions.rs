//! `strand completions`: a shell's completion script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Cli;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  strand completions bash > ~/.local/share/bash-completion/completions/strand
  strand completions zsh > \"${fpath[1]}/_strand\"
  strand completions fish > ~/.config/fish/completions/strand.fish";

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "strand", &mut script);
    output::write_bytes(&script)
}

//! `strand`: the broker and everything one does with it, as one program.
//!
//! [`arguments`] says what may be asked for, [`commands`] holds one file per command, [`output`] and [`failure`] say
//! how results and errors reach the terminal or the script that asked.

mod arguments;
mod commands;
mod confirm;
mod failure;
mod output;
mod progress;
mod session;
mod time;
mod waiting;

use std::process::ExitCode;

fn main() -> ExitCode {
    match arguments::parse() {
        Ok(cli) => {
            let format = cli.global.format();
            match commands::run(cli) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => failure.report(format),
            }
        }
        Err(code) => code,
    }
}

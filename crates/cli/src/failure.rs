//! How a command ends that did not succeed: its exit code, its one line, its JSON.

mod of_client;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::arguments::OutputFormat;

/// The exit codes that `strand --help` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Unavailable = 5,
    OverLimit = 6,
    DataUnusable = 7,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    reason: String,
    message: String,
    facts: BTreeMap<String, String>,
}

/// What a program reads on stderr.
#[derive(Serialize)]
struct Report<'a> {
    error: &'a str,
    reason: &'a str,
    exit_code: u8,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
}

impl Failure {
    /// A failure with a reason for programs and a message for people.
    pub(crate) fn new(exit: Exit, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            exit,
            reason: reason.into(),
            message: message.into(),
            facts: BTreeMap::new(),
        }
    }

    /// Adds a fact for programs.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// Adds facts for programs.
    #[must_use]
    pub(crate) fn with_all(mut self, facts: BTreeMap<String, String>) -> Self {
        self.facts.extend(facts);
        self
    }

    /// Puts what else is known behind the message.
    #[must_use]
    pub(crate) fn followed_by(mut self, words: &str) -> Self {
        self.message = format!("{}; {words}", self.message);
        self
    }

    /// The exit code's name.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The reason, for programs.
    #[cfg(test)]
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// The message, for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Writes the failure to stderr and gives the code to exit with.
    pub(crate) fn report(&self, format: OutputFormat) -> ExitCode {
        let line = match format {
            OutputFormat::Table => format!("error: {}", self.message),
            OutputFormat::Json => serde_json::to_string(&Report {
                error: &self.message,
                reason: &self.reason,
                exit_code: self.exit as u8,
                metadata: &self.facts,
            })
            .unwrap_or_else(|_| self.message.clone()),
        };
        // Nobody is left to tell where stderr is closed.
        let _ = writeln!(io::stderr(), "{line}");
        ExitCode::from(self.exit as u8)
    }
}

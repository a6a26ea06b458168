//! Asks before what cannot be undone.

use std::io;

use crate::failure::{Exit, Failure};

/// Asks on the terminal; whether the answer is yes.
pub(crate) fn is_confirmed(question: &str) -> Result<bool, Failure> {
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "INPUT",
            format!("cannot read the answer: {error}"),
        )
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

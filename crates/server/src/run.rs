//! Runs a broker from its flags to its end.

use crate::settings::Settings;
use crate::settings::print::print_config;
use crate::settings::sources::Sources;
use crate::{BrokerArgs, RunError};

/// Runs a broker until SIGTERM or SIGINT; prints the ready line once everything serves.
///
/// # Errors
/// [`RunError`], whose [`exit_code`](RunError::exit_code) is the process's.
pub fn run(args: BrokerArgs) -> Result<(), RunError> {
    let environment = |name: &str| std::env::var_os(name);
    let sources = Sources::gather(&args.flags, &environment)?;
    let _settings = Settings::resolve(&sources)?;
    if args.print_config {
        print!("{}", print_config(&sources)?);
        return Ok(());
    }
    Ok(())
}

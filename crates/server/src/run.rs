//! Runs a broker from its flags to its end.

use std::io::Write;

use segment_log::disk::install_bus_error_handler;
use tokio::runtime::Builder;

use crate::process::{Ready, serve};
use crate::settings::Settings;
use crate::settings::print::print_config;
use crate::settings::sources::Sources;
use crate::signals::Signals;
use crate::{BrokerArgs, RunError, logging};

/// Runs a broker until SIGTERM or SIGINT; prints the ready line once everything serves.
///
/// # Errors
/// [`RunError`], whose [`exit_code`](RunError::exit_code) is the process's.
pub fn run(args: BrokerArgs) -> Result<(), RunError> {
    let environment = |name: &str| std::env::var_os(name);
    let sources = Sources::gather(&args.flags, &environment)?;
    let settings = Settings::resolve(&sources)?;
    if args.print_config {
        let config = print_config(&sources)?;
        return Ok(std::io::stdout().write_all(config.as_bytes())?);
    }
    logging::start(&settings.log_level, settings.log_format);
    install_bus_error_handler()?;
    // Signals, HTTP and what is done now and then; connections and partitions live on the cores' threads.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::catch()?;
        serve(settings, signals.first(), print_ready).await
    })
}

fn print_ready(ready: &Ready) {
    let mut stdout = std::io::stdout();
    let printed = writeln!(
        stdout,
        "strand broker {} ready: grpc {}, http {}, data {}",
        ready.id,
        ready.grpc,
        ready.http,
        ready.data.display()
    );
    if let Err(error) = printed.and_then(|()| stdout.flush()) {
        // Whoever started it may have closed the pipe; the broker serves all the same.
        tracing::warn!(%error, "the ready line cannot be printed");
    }
}

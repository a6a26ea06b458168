//! Log lines on stderr, by `tracing`: for people or as JSON. Panics are logged too.

use std::io::IsTerminal;
use std::sync::Once;

use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Starts logging. A second start in one process (a test) keeps the first one's.
pub(crate) fn start(directives: &str, format: LogFormat) {
    // The settings have checked the directives.
    let filter = EnvFilter::builder().parse_lossy(directives);
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that logging has started already.
    let _ = match format {
        LogFormat::Text => logging
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => logging.json().flatten_event(true).try_init(),
    };
    log_panics();
}

/// A panic in a task is caught by its runtime and would else be a bare line between structured ones.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let location = panic.location().map(ToString::to_string);
            tracing::error!(
                thread = thread.name().unwrap_or("unnamed"),
                location = location.as_deref().unwrap_or("unknown"),
                message = panic.payload_as_str().unwrap_or("not a text"),
                "a task has panicked; this is a bug"
            );
            // It honours RUST_BACKTRACE.
            default(panic);
        }));
    });
}

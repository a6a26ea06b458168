//! Progress bars, on a terminal only: in a pipe they draw nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// A bar that counts bytes; without a length, a spinner.
pub(crate) fn bytes(length: Option<u64>) -> ProgressBar {
    match length {
        Some(length) => bar(
            ProgressBar::new(length),
            "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => bar(
            ProgressBar::new_spinner(),
            "{spinner} {bytes} {bytes_per_sec}",
        ),
    }
}

/// A bar that counts records; without a number, a spinner.
pub(crate) fn records(number: Option<u64>) -> ProgressBar {
    match number {
        Some(number) => bar(
            ProgressBar::new(number),
            "{wide_bar} {human_pos}/{human_len} records {per_sec} {eta}",
        ),
        None => bar(
            ProgressBar::new_spinner(),
            "{spinner} {human_pos} records {per_sec} {elapsed}",
        ),
    }
}

/// A bar that counts what is named.
pub(crate) fn counting(number: u64, what: &str) -> ProgressBar {
    bar(
        ProgressBar::new(number),
        &format!("{{wide_bar}} {{human_pos}}/{{human_len}} {what} {{elapsed}} {{msg}}"),
    )
}

fn bar(bar: ProgressBar, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    // A template that cannot be read is a bug; the bar then looks as it always does.
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if !bar.is_hidden() {
        bar.enable_steady_tick(REDRAW_INTERVAL);
    }
    bar
}

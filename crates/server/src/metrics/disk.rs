//! The file system that the data lies on.

use std::path::Path;

use super::text::Series;

/// Adds its size and what is left of it; nothing where the system does not tell.
pub(super) fn render(text: &mut String, data: &Path) {
    let Ok(of) = rustix::fs::statvfs(data) else {
        return;
    };
    let help = "Bytes of the file system that the data lies on.";
    let bytes = of.f_blocks.saturating_mul(of.f_frsize);
    Series::begin(text, "strandline_data_size_bytes", "gauge", help).add("", bytes);
    let help = "Bytes that are left on the file system that the data lies on.";
    let bytes = of.f_bavail.saturating_mul(of.f_frsize);
    Series::begin(text, "strandline_data_free_bytes", "gauge", help).add("", bytes);
}

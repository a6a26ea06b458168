//! Which paths the seam takes: relative ones that cannot leave the root.

use std::io::{self, ErrorKind};
use std::path::{Component, Path};

/// The components of a path below the root; none for the root itself.
///
/// Errors: `InvalidInput` for an absolute path, for `..`, `.` in front, and for names that are not UTF-8.
pub(super) fn components(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        let name = match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        };
        let Some(name) = name else {
            let text = format!(
                "the path {} must be relative to the data directory, without `..`, and in UTF-8",
                path.display()
            );
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        };
        names.push(name);
    }
    Ok(names)
}

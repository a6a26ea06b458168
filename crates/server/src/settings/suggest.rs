//! Finds the setting a user may have meant: the name at the smallest edit distance.

use model::spelling::distance;

/// Longer names are not compared.
const COMPARED_BYTES_MAX: usize = 64;

/// The known name closest to `name`; `None` if none looks like it.
pub(super) fn closest(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    if name.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let wanted = name.to_ascii_lowercase().replace(['-', '.'], "_");
    let tolerated = (wanted.len() / 3)
        .max(2)
        .min(wanted.len().saturating_sub(1));
    known
        .map(|known| (distance(&wanted, known), known))
        .min()
        .filter(|(distance, _)| *distance <= tolerated)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_name_meant() {
        let known = ["grpc", "http", "log_level", "data"];
        let closest = |name| closest(name, known.into_iter());
        assert_eq!(closest("gprc"), Some("grpc"));
        assert_eq!(closest("x"), None);
        assert_eq!(closest("Log-Levl"), Some("log_level"));
        assert_eq!(closest("colour"), None);
        assert_eq!(closest(&"x".repeat(1 << 20)), None);
    }
}

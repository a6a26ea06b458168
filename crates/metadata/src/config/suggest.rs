//! Finds the config a user may have meant: the one at the smallest edit distance.

use model::spelling::distance;

use super::table::TOPIC_CONFIGS;

/// Longer names are not compared: the work is bounded whatever a client sends.
const COMPARED_BYTES_MAX: usize = 64;

/// The existing config closest to `name`; `None` if none looks like it.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    if name.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let wanted = name.trim().to_ascii_lowercase().replace(['_', '-'], ".");
    let tolerated = (wanted.len() / 3).max(2);
    TOPIC_CONFIGS
        .iter()
        .map(|row| (distance(&wanted, row.name), row.name))
        .min()
        .filter(|(distance, _)| *distance <= tolerated)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_config_meant() {
        assert_eq!(closest("retension.ms"), Some("retention.ms"));
        assert_eq!(closest("SEGMENT_BYTES"), Some("segment.bytes"));
        assert_eq!(closest("durabilty"), Some("durability"));
        assert_eq!(closest("colour"), None);
        assert_eq!(closest(&"x".repeat(1 << 20)), None);
    }
}

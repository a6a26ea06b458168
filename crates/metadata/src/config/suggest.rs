//! Finds the config a user may have meant: the one at the smallest edit distance (Levenshtein).

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

/// How many bytes must be inserted, removed or replaced to make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, left_byte) in left.bytes().enumerate() {
        let mut current = Vec::with_capacity(previous.len());
        let mut beside = row + 1;
        current.push(beside);
        let above = previous.iter().zip(previous.iter().skip(1));
        for (right_byte, (diagonal, above)) in right.bytes().zip(above) {
            let replaced = diagonal + usize::from(left_byte != right_byte);
            beside = replaced.min(above + 1).min(beside + 1);
            current.push(beside);
        }
        previous = current;
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_single_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn a_typing_error_finds_the_config_meant() {
        assert_eq!(closest("retension.ms"), Some("retention.ms"));
        assert_eq!(closest("SEGMENT_BYTES"), Some("segment.bytes"));
        assert_eq!(closest("durabilty"), Some("durability"));
        assert_eq!(closest("colour"), None);
        assert_eq!(closest(&"x".repeat(1 << 20)), None);
    }
}

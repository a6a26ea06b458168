//! How far one spelling is from another (Levenshtein's edit distance), to find the name that a user may have meant.

/// How many bytes must be inserted, removed or replaced to make one text of the other.
pub fn distance(left: &str, right: &str) -> usize {
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, left_byte) in left.bytes().enumerate() {
        let mut beside = row + 1;
        let mut current = vec![beside];
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
}

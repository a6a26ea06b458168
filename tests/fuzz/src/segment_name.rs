//! A file's name as a segment's.

/// One input.
pub fn run(data: &[u8]) {
    if let Ok(name) = std::str::from_utf8(data) {
        segment_log::fuzzing::segment_name(name);
        segment_log::fuzzing::segment_name(&format!("{name}.log"));
    }
}

//! A file's bytes as a segment, dumped offline.

use std::fs;

/// One input.
pub fn run(data: &[u8]) {
    let name = format!("strandline-fuzz-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory).expect("a temporary directory");
    let file = directory.join("00000000000000000000.0.log");
    fs::write(&file, data).expect("a temporary file");
    let batches = segment_log::dump(&file).expect("it is named like a segment");
    let bytes: usize = batches
        .filter_map(Result::ok)
        .map(|dumped| dumped.batch.total_bytes())
        .sum();
    assert!(bytes <= data.len(), "more was dumped than there is");
}

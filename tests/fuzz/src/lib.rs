//! What each fuzz target does with one input: run by libFuzzer, and by the smoke test on a stable compiler.

pub mod batch_records;
pub mod batch_split;
pub mod codec_decompress;
pub mod control_decode;
pub mod journal_replay;
pub mod log_directory;
pub mod metadata_decode;
pub mod replication_decode;
pub mod replication_entries;
pub mod rpc_frames;
pub mod rpc_records;
pub mod rpc_requests;
pub mod segment_dump;
pub mod segment_name;
pub mod small_files;

/// Takes one input.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Target); 15] = [
    ("batch_records", batch_records::run),
    ("batch_split", batch_split::run),
    ("codec_decompress", codec_decompress::run),
    ("control_decode", control_decode::run),
    ("journal_replay", journal_replay::run),
    ("log_directory", log_directory::run),
    ("metadata_decode", metadata_decode::run),
    ("replication_decode", replication_decode::run),
    ("replication_entries", replication_entries::run),
    ("rpc_frames", rpc_frames::run),
    ("rpc_records", rpc_records::run),
    ("rpc_requests", rpc_requests::run),
    ("segment_dump", segment_dump::run),
    ("segment_name", segment_name::run),
    ("small_files", small_files::run),
];

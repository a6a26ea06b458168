//! Compiles `proto/` without protoc: the descriptors by protox, the types by prost, the services by tonic.

use std::path::PathBuf;
use std::{env, fs};

use protox::prost::Message as _;

const ROOT: &str = "../../proto";
const FILES: [&str; 5] = [
    "strandline/v1/common.proto",
    "strandline/v1/producer.proto",
    "strandline/v1/consumer.proto",
    "strandline/v1/topic.proto",
    "strandline/v1/cluster.proto",
];

/// Spoken between brokers only: messages, no descriptors for reflection, no generated services.
const INTERNAL: [&str; 1] = ["strandline/internal/v1/peer.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let descriptors = protox::compile(FILES, [ROOT])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut config = tonic_prost_build::Config::new();
    // The codec finds a message's limits by its name.
    config.enable_type_names();
    tonic_prost_build::configure()
        // Payloads are slices of the message they came in, not copies of it.
        .bytes(".")
        .codec_path("crate::codec::BoundedCodec")
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(descriptors, config)?;
    tonic_prost_build::configure()
        .bytes(".")
        .build_client(false)
        .build_server(false)
        .emit_rerun_if_changed(false)
        .compile_fds(protox::compile(INTERNAL, [ROOT])?)?;
    Ok(())
}

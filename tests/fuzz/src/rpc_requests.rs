//! A client's bytes as each request of the API, checked as its service does.

/// The broker's default.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// One input.
pub fn run(data: &[u8]) {
    grpc_api::fuzzing::every_request(data, MESSAGE_BYTES_MAX);
}

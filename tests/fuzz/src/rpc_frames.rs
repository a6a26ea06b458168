//! A stream's bytes, in frames of any size: the first byte says of which. The messages found are the same.

use grpc_api::fuzzing::messages;

const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// One input.
pub fn run(data: &[u8]) {
    let Some((frame_bytes, stream)) = data.split_first() else {
        return;
    };
    let in_one = messages(stream, stream.len(), MESSAGE_BYTES_MAX);
    let in_frames = messages(stream, usize::from(*frame_bytes), MESSAGE_BYTES_MAX);
    assert_eq!(in_one, in_frames);
    let bytes: usize = in_one.iter().map(|message| 5 + message.len()).sum();
    assert!(bytes <= stream.len(), "more was found than there is");
}

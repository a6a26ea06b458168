//! Finds the frames in what HTTP/2 brings. A frame that lies whole in one of its parts is a slice of that; only what
//! crosses a border is copied together.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::{COPIED_BYTES_MAX, PREFIX_BYTES};

/// Finds frames.
pub(in crate::peer) struct Framing {
    rest: Bytes,
    /// A frame, its prefix included, of which more is to come.
    partial: BytesMut,
    frame_bytes_max: usize,
}

/// What is no frame.
#[derive(Debug, Error, PartialEq, Eq)]
pub(in crate::peer) enum BadFrame {
    #[error("a frame of {bytes} bytes is above the limit of {limit} between brokers")]
    TooLarge { bytes: u32, limit: usize },
    #[error("a frame is compressed, which brokers never do")]
    Compressed,
}

impl Framing {
    pub(in crate::peer) fn new(frame_bytes_max: usize) -> Self {
        Self {
            rest: Bytes::new(),
            partial: BytesMut::new(),
            frame_bytes_max,
        }
    }

    /// Goes on with the next part; nothing must be left of the last one.
    pub(in crate::peer) fn feed(&mut self, part: Bytes) {
        self.rest = part;
    }

    /// Takes a frame, without its prefix. `None` where the next part is needed; nothing is left of this one then.
    pub(in crate::peer) fn take(&mut self) -> Result<Option<Bytes>, BadFrame> {
        if self.partial.is_empty()
            && let Some(bytes) = self.frame_bytes(&self.rest)?
            && self.rest.len() - PREFIX_BYTES >= bytes
        {
            self.rest.advance(PREFIX_BYTES);
            let frame = self.rest.split_to(bytes);
            return Ok(Some(if bytes <= COPIED_BYTES_MAX {
                Bytes::copy_from_slice(&frame)
            } else {
                frame
            }));
        }
        if !self.gather(PREFIX_BYTES) {
            return Ok(None);
        }
        let bytes = self.frame_bytes(&self.partial)?.unwrap_or_default();
        if !self.gather(PREFIX_BYTES + bytes) {
            return Ok(None);
        }
        let mut frame = self.partial.split().freeze();
        frame.advance(PREFIX_BYTES);
        Ok(Some(frame))
    }

    /// Moves bytes behind the partial frame until it has `wanted`; whether it has. Memory grows with what has come,
    /// not with what a prefix promises.
    fn gather(&mut self, wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.partial.len());
        let moved = self.rest.split_to(missing.min(self.rest.len()));
        self.partial.extend_from_slice(&moved);
        moved.len() == missing
    }

    /// The length in a prefix; `None` where that is not complete.
    fn frame_bytes(&self, mut prefix: &[u8]) -> Result<Option<usize>, BadFrame> {
        let (Ok(flag), Ok(bytes)) = (prefix.try_get_u8(), prefix.try_get_u32()) else {
            return Ok(None);
        };
        if flag != 0 {
            return Err(BadFrame::Compressed);
        }
        let limit = self.frame_bytes_max;
        match usize::try_from(bytes) {
            Ok(length) if length <= limit => Ok(Some(length)),
            _ => Err(BadFrame::TooLarge { bytes, limit }),
        }
    }
}

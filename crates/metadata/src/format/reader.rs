//! Reads items, believing nothing.

use super::decode_error::DecodeError;

/// The longest text, in bytes.
pub(super) const TEXT_BYTES_MAX: u64 = 64 << 10;

/// The longest list.
pub(super) const LIST_ITEMS_MAX: u64 = 1_000_000;

/// What of a message is still to be read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
    version: u8,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            total: bytes.len(),
            version: 0,
        }
    }

    /// The first bytes, the last of which is the version.
    pub(super) fn header(&mut self) -> Result<[u8; 4], DecodeError> {
        let header: [u8; 4] = self.take()?;
        self.version = header[3];
        Ok(header)
    }

    /// The version that the header names.
    pub(super) fn version(&self) -> u8 {
        self.version
    }

    pub(super) fn number(&mut self) -> Result<u64, DecodeError> {
        self.letter(b'n')?;
        Ok(u64::from_le_bytes(self.take()?))
    }

    /// 16 bytes, as ids have them.
    pub(super) fn id(&mut self) -> Result<[u8; 16], DecodeError> {
        let at = self.at();
        let found = self.length(b'b')?;
        if found != 16 {
            return Err(DecodeError::WrongLength {
                at,
                wanted: 16,
                found,
            });
        }
        self.take()
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let at = self.at();
        let found = self.length(b't')?;
        check_limit(at, found, TEXT_BYTES_MAX)?;
        let bytes = self.take_slice(found)?;
        str::from_utf8(bytes).map_err(|_| self.bad_text("UTF-8"))
    }

    /// How many items follow. Each takes at least a byte, so no count exceeds the bytes left.
    pub(super) fn list(&mut self) -> Result<u64, DecodeError> {
        let at = self.at();
        let found = self.length(b'l')?;
        check_limit(at, found, LIST_ITEMS_MAX)?;
        let left = self.rest.len() as u64;
        if found > left {
            return Err(DecodeError::Truncated {
                at: self.at(),
                wanted: found - left,
            });
        }
        Ok(found)
    }

    /// A list of exactly `fields` items.
    pub(super) fn record(&mut self, fields: usize) -> Result<(), DecodeError> {
        let at = self.at();
        let found = self.list()?;
        let wanted = fields as u64;
        if found != wanted {
            return Err(DecodeError::WrongLength { at, wanted, found });
        }
        Ok(())
    }

    /// A variant's code and how many fields follow it.
    pub(super) fn variant(&mut self) -> Result<(u64, u64), DecodeError> {
        let at = self.at();
        let found = self.list()?;
        let fields = found.checked_sub(1).ok_or(DecodeError::WrongLength {
            at,
            wanted: 1,
            found,
        })?;
        Ok((self.number()?, fields))
    }

    /// Checks how many fields a variant was said to have.
    pub(super) fn fields(&self, found: u64, wanted: usize) -> Result<(), DecodeError> {
        let wanted = wanted as u64;
        if found != wanted {
            return Err(DecodeError::WrongLength {
                at: self.at(),
                wanted,
                found,
            });
        }
        Ok(())
    }

    /// Passes over the sign of absence, if it is what comes next.
    pub(super) fn is_absent(&mut self) -> bool {
        match self.rest.split_first() {
            Some((b'-', rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The error that `found` is not a `what`.
    pub(super) fn bad_number(&self, what: &'static str, found: u64) -> DecodeError {
        DecodeError::BadNumber {
            at: self.at(),
            what,
            found,
        }
    }

    /// The error that a text is not `what`.
    pub(super) fn bad_text(&self, what: &'static str) -> DecodeError {
        DecodeError::BadText {
            at: self.at(),
            what,
        }
    }

    /// How many bytes have been read.
    pub(super) fn at(&self) -> u64 {
        (self.total - self.rest.len()) as u64
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(DecodeError::TrailingBytes {
            at: self.at(),
            bytes: self.rest.len() as u64,
        })
    }

    fn length(&mut self, letter: u8) -> Result<u64, DecodeError> {
        self.letter(letter)?;
        Ok(u64::from(u32::from_le_bytes(self.take()?)))
    }

    fn letter(&mut self, wanted: u8) -> Result<(), DecodeError> {
        let at = self.at();
        let [found] = self.take()?;
        if found != wanted {
            return Err(DecodeError::WrongType {
                at,
                wanted: wanted.into(),
                found,
            });
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.truncated(N as u64));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn take_slice(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let Some((taken, rest)) = split else {
            return Err(self.truncated(length));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn truncated(&self, needed: u64) -> DecodeError {
        DecodeError::Truncated {
            at: self.total as u64,
            wanted: needed - self.rest.len() as u64,
        }
    }
}

fn check_limit(at: u64, found: u64, limit: u64) -> Result<(), DecodeError> {
    if found > limit {
        return Err(DecodeError::TooLong { at, found, limit });
    }
    Ok(())
}

//! The identity file: text, so that a person can look at it.
//!
//! ```text
//! strandline-data 1                        the format; this line is the same in every format to come
//! disk 000102030405060708090a0b0c0d0e0f    drawn at random when the directory was made
//! broker 0                                 the broker it belongs to
//! starts 17                                how often a broker has started on it
//! stopped cleanly                          or `stopped unclean`: a broker runs, or did not come to its end
//! created 1790000000000                    milliseconds since 1970
//! crc 89abcdef                             CRC-32 of all lines above, in hexadecimal
//! ```
//! Every line ends with LF. It is replaced as a whole.

use std::str::{FromStr, Lines};

use model::{DiskId, Timestamp};

/// The newest format that this version knows.
pub(super) const FORMAT: u64 = 1;

/// No identity is longer, in bytes.
pub(super) const BYTES_MAX: usize = 4096;

const MAGIC: &str = "strandline-data";

/// Whose a data directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) disk: DiskId,
    pub(super) broker: u32,
    pub(super) starts: u64,
    pub(super) stopped_cleanly: bool,
    pub(super) created: Timestamp,
}

/// Why a text is not an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsound {
    /// Of a later format.
    Newer { format: u64 },
    /// Not what was written.
    Damaged { reason: String },
}

impl Identity {
    pub(super) fn encode(&self) -> Vec<u8> {
        let stopped = if self.stopped_cleanly {
            "cleanly"
        } else {
            "unclean"
        };
        let text = format!(
            "{MAGIC} {FORMAT}\ndisk {}\nbroker {}\nstarts {}\nstopped {stopped}\ncreated {}\n",
            self.disk,
            self.broker,
            self.starts,
            self.created.as_millis(),
        );
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc {crc:08x}\n").into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unsound> {
        let damaged = |reason: &str| Unsound::Damaged {
            reason: reason.to_owned(),
        };
        let text = str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let format = text.lines().next().and_then(|line| {
            let (magic, format) = line.split_once(' ')?;
            (magic == MAGIC).then(|| format.parse::<u64>().ok())?
        });
        match format {
            Some(FORMAT) => {}
            Some(format) if format > FORMAT => return Err(Unsound::Newer { format }),
            _ => return Err(damaged("its first line is not `strandline-data 1`")),
        }
        let Some((body, crc)) = text.rsplit_once("crc ") else {
            return Err(damaged("its checksum is missing"));
        };
        let computed = format!("{:08x}\n", crc32fast::hash(body.as_bytes()));
        if crc != computed {
            return Err(damaged("its checksum does not match"));
        }
        Self::fields(body).ok_or_else(|| damaged("its lines are not those of format 1"))
    }

    fn fields(body: &str) -> Option<Self> {
        let mut lines = body.lines();
        lines.next()?;
        let identity = Self {
            disk: field(&mut lines, "disk")?,
            broker: field(&mut lines, "broker")?,
            starts: field(&mut lines, "starts")?,
            stopped_cleanly: match field::<String>(&mut lines, "stopped")?.as_str() {
                "cleanly" => true,
                "unclean" => false,
                _ => return None,
            },
            created: Timestamp::from_millis(field(&mut lines, "created")?),
        };
        lines.next().is_none().then_some(identity)
    }
}

/// The value of the next line, if that has this name.
fn field<T: FromStr>(lines: &mut Lines<'_>, name: &str) -> Option<T> {
    let (found, value) = lines.next()?.split_once(' ')?;
    (found == name).then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            disk: DiskId::from_bytes([0xab; 16]),
            broker: 3,
            starts: 17,
            stopped_cleanly: false,
            created: Timestamp::from_millis(1_790_000_000_000),
        }
    }

    #[test]
    fn golden_bytes_and_round_trip() {
        let bytes = identity().encode();
        let text = "strandline-data 1\ndisk abababababababababababababababab\nbroker 3\nstarts 17\n\
                    stopped unclean\ncreated 1790000000000\n";
        let crc = crc32fast::hash(text.as_bytes());
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            format!("{text}crc {crc:08x}\n")
        );
        assert_eq!(Identity::decode(&bytes), Ok(identity()));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let bytes = identity().encode();
        for cut in 0..bytes.len() {
            assert!(Identity::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Identity::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        let later = b"strandline-data 2\nwhatever comes\n";
        assert_eq!(Identity::decode(later), Err(Unsound::Newer { format: 2 }));
        for older in [
            &b"strandline-data 0\n"[..],
            b"strandline-data x\n",
            b"",
            b"\xff",
        ] {
            assert!(matches!(
                Identity::decode(older),
                Err(Unsound::Damaged { .. })
            ));
        }
    }
}

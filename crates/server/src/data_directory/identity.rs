//! The identity file: text, so that a person can look at it.
//!
//! ```text
//! strandline-data 3                        the format; this line is the same in every format to come
//! disk 000102030405060708090a0b0c0d0e0f    drawn at random when the directory was made
//! broker 0                                 the broker it belongs to
//! starts 17                                how often a broker has started on it
//! stopped cleanly                          or `stopped unclean`: a broker runs, or did not come to its end
//! created 1790000000000                    milliseconds since 1970
//! bond member                              to its cluster: `none`, `promised`, `member`, or `unnoted`
//! cluster 000102030405060708090a0b0c0d0e0f the cluster, or `none`
//! replica 0                                the id that the cluster has issued to this disk, or `none`
//! formed 3                                 how many brokers form it, where this disk is among theirs, or `none`
//! epoch 16                                 counts the starts that the cluster has registered, this one included
//! nonce 0123456789abcdef                   drawn at random with it
//! registered yes                           or `no`: the next start presents the same epoch again
//! crc 89abcdef                             CRC-32 of all lines above, in hexadecimal
//! ```
//! Every line ends with LF. It is replaced as a whole. Format 2 lacks the three lines before the last: it counted
//! no epochs. Format 1 lacks four more: it was written by brokers alone, which did not note their cluster (`unnoted`).

use std::fmt::Display;
use std::str::{FromStr, Lines};

use model::{ClusterId, DiskEpoch, DiskId, ReplicaId, Timestamp};

/// The newest format that this version knows.
pub(super) const FORMAT: u64 = 3;

/// The format of brokers alone.
const FORMAT_ALONE: u64 = 1;

/// The last format that counted no epochs.
const FORMAT_WITHOUT_EPOCHS: u64 = 2;

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
    pub(super) bond: Bond,
    pub(super) epoch: Epoch,
}

/// Which registered start of the disk this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    pub(super) presented: DiskEpoch,
    /// Whether the cluster is known to have taken it. What is not may still have been taken: it is presented again.
    pub(super) is_registered: bool,
}

impl Epoch {
    /// Before the first start.
    pub(super) const NONE: Self = Self {
        presented: DiskEpoch {
            number: 0,
            nonce: 0,
        },
        is_registered: true,
    };

    fn encode(self) -> String {
        let registered = if self.is_registered { "yes" } else { "no" };
        let DiskEpoch { number, nonce } = self.presented;
        format!("epoch {number}\nnonce {nonce:016x}\nregistered {registered}\n")
    }

    fn decode(lines: &mut Lines<'_>) -> Option<Self> {
        let number = field(lines, "epoch")?;
        let nonce: String = field(lines, "nonce")?;
        let nonce = u64::from_str_radix(&nonce, 16).ok()?;
        let is_registered = match field::<String>(lines, "registered")?.as_str() {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        Some(Self {
            presented: DiskEpoch { number, nonce },
            is_registered,
        })
    }
}

/// What binds a data directory to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// Nothing: it belongs to none.
    None,
    /// It may come to belong to this cluster, which so many brokers form, and to no other.
    Promised {
        /// The cluster.
        cluster: ClusterId,
        /// How many brokers form it.
        initial_brokers: u32,
    },
    /// It belongs to this one, which has formed.
    Member {
        /// The cluster.
        cluster: ClusterId,
        /// The id that the cluster has issued to this disk.
        replica: ReplicaId,
        /// How many brokers formed it, where this disk was among theirs.
        initial_brokers: Option<u32>,
    },
    /// It may hold a cluster of one, of a version that did not note it.
    Unnoted,
}

impl Bond {
    /// The cluster that is promised or joined.
    pub(crate) fn cluster(self) -> Option<ClusterId> {
        match self {
            Self::Promised { cluster, .. } | Self::Member { cluster, .. } => Some(cluster),
            Self::None | Self::Unnoted => None,
        }
    }

    /// The id that the cluster has issued.
    pub(crate) fn replica(self) -> Option<ReplicaId> {
        match self {
            Self::Member { replica, .. } => Some(replica),
            Self::None | Self::Promised { .. } | Self::Unnoted => None,
        }
    }

    fn initial_brokers(self) -> Option<u32> {
        match self {
            Self::Promised {
                initial_brokers, ..
            } => Some(initial_brokers),
            Self::Member {
                initial_brokers, ..
            } => initial_brokers,
            Self::None | Self::Unnoted => None,
        }
    }

    fn encode(self) -> String {
        let word = match self {
            Self::None => "none",
            Self::Promised { .. } => "promised",
            Self::Member { .. } => "member",
            Self::Unnoted => "unnoted",
        };
        format!(
            "bond {word}\ncluster {}\nreplica {}\nformed {}\n",
            or_none(self.cluster()),
            or_none(self.replica()),
            or_none(self.initial_brokers()),
        )
    }

    fn decode(lines: &mut Lines<'_>) -> Option<Self> {
        let word: String = field(lines, "bond")?;
        let cluster: Option<ClusterId> = optional(lines, "cluster")?;
        let replica: Option<u64> = optional(lines, "replica")?;
        let initial_brokers: Option<u32> = optional(lines, "formed")?;
        match (word.as_str(), cluster, replica, initial_brokers) {
            ("none", None, None, None) => Some(Self::None),
            ("unnoted", None, None, None) => Some(Self::Unnoted),
            ("promised", Some(cluster), None, Some(initial_brokers)) => Some(Self::Promised {
                cluster,
                initial_brokers,
            }),
            ("member", Some(cluster), Some(replica), initial_brokers) => Some(Self::Member {
                cluster,
                replica: ReplicaId::new(replica),
                initial_brokers,
            }),
            _ => None,
        }
    }
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
            "{MAGIC} {FORMAT}\ndisk {}\nbroker {}\nstarts {}\nstopped {stopped}\ncreated {}\n\
             {}{}",
            self.disk,
            self.broker,
            self.starts,
            self.created.as_millis(),
            self.bond.encode(),
            self.epoch.encode(),
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
        let format = match format {
            Some(format @ FORMAT_ALONE..=FORMAT) => format,
            Some(format) if format > FORMAT => return Err(Unsound::Newer { format }),
            _ => {
                return Err(damaged(
                    "its first line is not `strandline-data` and a format",
                ));
            }
        };
        let Some((body, crc)) = text.rsplit_once("crc ") else {
            return Err(damaged("its checksum is missing"));
        };
        let computed = format!("{:08x}\n", crc32fast::hash(body.as_bytes()));
        if crc != computed {
            return Err(damaged("its checksum does not match"));
        }
        Self::fields(format, body).ok_or_else(|| Unsound::Damaged {
            reason: format!("its lines are not those of format {format}"),
        })
    }

    fn fields(format: u64, body: &str) -> Option<Self> {
        let mut lines = body.lines();
        lines.next()?;
        let mut identity = Self {
            disk: field(&mut lines, "disk")?,
            broker: field(&mut lines, "broker")?,
            starts: field(&mut lines, "starts")?,
            stopped_cleanly: match field::<String>(&mut lines, "stopped")?.as_str() {
                "cleanly" => true,
                "unclean" => false,
                _ => return None,
            },
            created: Timestamp::from_millis(field(&mut lines, "created")?),
            bond: Bond::Unnoted,
            epoch: Epoch::NONE,
        };
        if format > FORMAT_ALONE {
            identity.bond = Bond::decode(&mut lines)?;
        }
        if format > FORMAT_WITHOUT_EPOCHS {
            identity.epoch = Epoch::decode(&mut lines)?;
        }
        lines.next().is_none().then_some(identity)
    }
}

/// The value of the next line, if that has this name.
fn field<T: FromStr>(lines: &mut Lines<'_>, name: &str) -> Option<T> {
    let (found, value) = lines.next()?.split_once(' ')?;
    (found == name).then(|| value.parse().ok())?
}

/// The value of the next line, if that has this name; `Some(None)` where it says that there is none.
fn optional<T: FromStr>(lines: &mut Lines<'_>, name: &str) -> Option<Option<T>> {
    let text: String = field(lines, name)?;
    match text.as_str() {
        "none" => Some(None),
        text => text.parse().ok().map(Some),
    }
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
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
            bond: Bond::Member {
                cluster: ClusterId::from_bytes([0xcd; 16]),
                replica: ReplicaId::new(4),
                initial_brokers: Some(3),
            },
            epoch: Epoch {
                presented: DiskEpoch {
                    number: 16,
                    nonce: 0x0123_4567_89ab_cdef,
                },
                is_registered: false,
            },
        }
    }

    /// A text with the checksum that belongs to it.
    fn summed(text: &str) -> Vec<u8> {
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc {crc:08x}\n").into_bytes()
    }

    #[test]
    fn golden_bytes_and_round_trip() {
        let bytes = identity().encode();
        let text = "strandline-data 3\ndisk abababababababababababababababab\nbroker 3\nstarts 17\n\
                    stopped unclean\ncreated 1790000000000\nbond member\n\
                    cluster cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\nreplica 4\nformed 3\n\
                    epoch 16\nnonce 0123456789abcdef\nregistered no\n";
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            String::from_utf8(summed(text)).unwrap()
        );
        assert_eq!(Identity::decode(&bytes), Ok(identity()));
    }

    #[test]
    fn every_bond_is_read_back() {
        let cluster = ClusterId::from_bytes([0x01; 16]);
        for bond in [
            Bond::None,
            Bond::Promised {
                cluster,
                initial_brokers: 5,
            },
            Bond::Member {
                cluster,
                replica: ReplicaId::new(7),
                initial_brokers: None,
            },
            Bond::Unnoted,
        ] {
            let stored = Identity { bond, ..identity() };
            assert_eq!(Identity::decode(&stored.encode()), Ok(stored));
        }
    }

    #[test]
    fn the_format_of_brokers_alone_is_still_read() {
        let text = "strandline-data 1\ndisk abababababababababababababababab\nbroker 3\nstarts 17\n\
                    stopped unclean\ncreated 1790000000000\n";
        let alone = Identity {
            bond: Bond::Unnoted,
            epoch: Epoch::NONE,
            ..identity()
        };
        assert_eq!(Identity::decode(&summed(text)), Ok(alone));
    }

    #[test]
    fn the_format_that_counted_no_epochs_is_still_read() {
        let text = "strandline-data 2\ndisk abababababababababababababababab\nbroker 3\nstarts 17\n\
                    stopped unclean\ncreated 1790000000000\nbond member\n\
                    cluster cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\nreplica 4\nformed 3\n";
        let uncounted = Identity {
            epoch: Epoch::NONE,
            ..identity()
        };
        assert_eq!(Identity::decode(&summed(text)), Ok(uncounted));
    }

    #[test]
    fn a_bond_without_its_cluster_is_damage() {
        let text = String::from_utf8(identity().encode()).unwrap();
        let (text, _) = text.rsplit_once("crc ").unwrap();
        let text = text.replace("cluster cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "cluster none");
        assert!(matches!(
            Identity::decode(&summed(&text)),
            Err(Unsound::Damaged { .. })
        ));
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
        let later = b"strandline-data 4\nwhatever comes\n";
        assert_eq!(Identity::decode(later), Err(Unsound::Newer { format: 4 }));
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

//! Names that the cluster issues: brokers, disks, replicas, topics, partitions, producers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($repr);

        impl $name {
            /// The id with this number.
            pub const fn new(value: $repr) -> Self {
                Self(value)
            }

            /// The id as a number.
            pub const fn get(self) -> $repr {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// A broker, as the operator numbers it: 0, 1, 2 …
    BrokerId(u32)
}

number_id! {
    /// A partition of a topic, counted from 0.
    PartitionIndex(u32)
}

number_id! {
    /// A Raft node id: issued by the metadata for each (broker, disk), never reused.
    ReplicaId(u64)
}

number_id! {
    /// An idempotent producer, issued by the cluster.
    ProducerId(u64)
}

/// A text that is not an id of 32 hexadecimal digits.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not an id: 32 hexadecimal digits are expected")]
pub struct ParseIdError(String);

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id's 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let all_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                match u128::from_str_radix(text, 16) {
                    Ok(value) if all_hex => Ok(Self(value.to_be_bytes())),
                    _ => Err(ParseIdError(text.to_owned())),
                }
            }
        }
    };
}

random_id! {
    /// One incarnation of a topic: a topic deleted and created anew gets another.
    TopicId
}

random_id! {
    /// A cluster.
    ClusterId
}

random_id! {
    /// One data directory; a replaced disk gets another.
    DiskId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = TopicId::from_bytes([0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff]);
        assert_eq!(id.to_string(), "ab0102030405060708090a0b0c0d0eff");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_malformed_id_is_refused() {
        for text in [
            "",
            "abc",
            "+b0102030405060708090a0b0c0d0eff",
            "zz0102030405060708090a0b0c0d0eff",
        ] {
            assert_eq!(text.parse::<TopicId>(), Err(ParseIdError(text.to_owned())));
        }
    }
}

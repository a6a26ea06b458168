//! The enums that the API and the model share, one to one.

use model::batch::Codec;
use model::{Acks, Durability};

use crate::InvalidField;
use crate::v1;

macro_rules! one_to_one {
    ($wire:ty, $model:ty, $($wire_variant:ident = $model_variant:ident),+) => {
        impl From<$model> for $wire {
            fn from(value: $model) -> Self {
                match value {
                    $(<$model>::$model_variant => Self::$wire_variant,)+
                }
            }
        }
    };
}

one_to_one!(
    v1::Compression,
    Codec,
    None = None,
    Gzip = Gzip,
    Snappy = Snappy,
    Lz4 = Lz4,
    Zstd = Zstd
);
one_to_one!(
    v1::Durability,
    Durability,
    Fsync = Fsync,
    PageCache = PageCache
);
one_to_one!(v1::Acks, Acks, Quorum = Quorum, None = None);

impl From<v1::Compression> for Codec {
    fn from(compression: v1::Compression) -> Self {
        match compression {
            v1::Compression::None => Self::None,
            v1::Compression::Gzip => Self::Gzip,
            v1::Compression::Snappy => Self::Snappy,
            v1::Compression::Lz4 => Self::Lz4,
            v1::Compression::Zstd => Self::Zstd,
        }
    }
}

impl From<v1::Acks> for Acks {
    fn from(acks: v1::Acks) -> Self {
        match acks {
            v1::Acks::Quorum => Self::Quorum,
            v1::Acks::None => Self::None,
        }
    }
}

impl v1::Durability {
    /// What the acknowledgement promises; `None` where it says nothing.
    pub fn to_model(self) -> Option<Durability> {
        match self {
            Self::Unspecified => None,
            Self::Fsync => Some(Durability::Fsync),
            Self::PageCache => Some(Durability::PageCache),
        }
    }
}

macro_rules! read_enum {
    ($(#[$doc:meta])* $wire:ty, $expected:literal) => {
        impl $wire {
            $(#[$doc])*
            ///
            /// # Errors
            /// [`InvalidField`] for a number without a meaning.
            pub fn read(field: &str, number: i32) -> Result<Self, InvalidField> {
                Self::try_from(number).map_err(|_| InvalidField::new(field, number, $expected))
            }
        }
    };
}

read_enum!(
    /// The codec with this number.
    v1::Compression, "0 none, 1 gzip, 2 snappy, 3 lz4 or 4 zstd"
);
read_enum!(
    /// The acks with this number.
    v1::Acks, "0 quorum or 1 none"
);
read_enum!(
    /// The format with this number.
    v1::RecordFormat, "0 plain or 1 encoded"
);
read_enum!(
    /// The isolation level with this number.
    v1::IsolationLevel, "0 read-uncommitted or 1 read-committed"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_have_the_same_numbers_on_both_sides() {
        for codec in Codec::ALL {
            let compression = v1::Compression::from(codec);
            assert_eq!(compression as i32, i32::from(codec.number()));
            assert_eq!(Codec::from(compression), codec);
        }
        let error = v1::Compression::read("compression", 5).unwrap_err();
        assert_eq!(error.value, "5");
    }
}

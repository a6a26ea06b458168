//! What can be stored, and how single words, lists and maps are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{
    BrokerId, ClusterId, DiskId, PartitionIndex, ProducerId, ReplicaId, TopicId, TopicName,
};

use super::decode_error::DecodeError;
use super::reader::Reader;
use super::writer::Writer;
use crate::replication_factor::ReplicationFactor;

/// Has one encoding.
pub(super) trait Stored: Sized {
    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Stored for u64 {
    fn write(&self, writer: &mut Writer) {
        writer.number(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.number()
    }
}

impl Stored for u32 {
    fn write(&self, writer: &mut Writer) {
        writer.number(u64::from(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = reader.number()?;
        Self::try_from(number).map_err(|_| reader.bad_number("number of 32 bits", number))
    }
}

impl Stored for i64 {
    fn write(&self, writer: &mut Writer) {
        writer.number(self.cast_unsigned());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(reader.number()?.cast_signed())
    }
}

impl Stored for bool {
    fn write(&self, writer: &mut Writer) {
        writer.number(u64::from(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.number()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(reader.bad_number("truth value (0 or 1)", other)),
        }
    }
}

impl Stored for ReplicationFactor {
    fn write(&self, writer: &mut Writer) {
        writer.number(u64::from(self.get()));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = reader.number()?;
        let factor = u16::try_from(number).ok().and_then(Self::new);
        factor.ok_or_else(|| reader.bad_number("replication factor", number))
    }
}

impl Stored for String {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.text().map(str::to_owned)
    }
}

impl Stored for TopicName {
    fn write(&self, writer: &mut Writer) {
        writer.text(self.as_str());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = reader.text()?;
        Self::new(text).map_err(|_| reader.bad_text("a topic name"))
    }
}

macro_rules! number_ids {
    ($($id:ident),*) => {$(
        impl Stored for $id {
            fn write(&self, writer: &mut Writer) {
                self.get().write(writer);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Stored::read(reader).map(Self::new)
            }
        }
    )*};
}

number_ids!(BrokerId, PartitionIndex, ProducerId, ReplicaId);

macro_rules! random_ids {
    ($($id:ident),*) => {$(
        impl Stored for $id {
            fn write(&self, writer: &mut Writer) {
                writer.bytes(self.as_bytes());
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.id().map(Self::from_bytes)
            }
        }
    )*};
}

random_ids!(ClusterId, DiskId, TopicId);

impl<T: Stored> Stored for Option<T> {
    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => writer.absent(),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.is_absent() {
            return Ok(None);
        }
        T::read(reader).map(Some)
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write(&self, writer: &mut Writer) {
        writer.list(self.len());
        self.iter().for_each(|item| item.write(writer));
    }

    /// Grows with what is read, never by the count.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut items = Self::new();
        for _ in 0..reader.list()? {
            items.push(T::read(reader)?);
        }
        Ok(items)
    }
}

impl<T: Stored> Stored for VecDeque<T> {
    fn write(&self, writer: &mut Writer) {
        writer.list(self.len());
        self.iter().for_each(|item| item.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Vec::read(reader).map(Self::from)
    }
}

impl<T: Stored + Ord> Stored for BTreeSet<T> {
    fn write(&self, writer: &mut Writer) {
        writer.list(self.len());
        self.iter().for_each(|item| item.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut items = Self::new();
        for _ in 0..reader.list()? {
            let item = T::read(reader)?;
            if items.last().is_some_and(|last| *last >= item) {
                return Err(DecodeError::KeysNotAscending { at: reader.at() });
            }
            items.insert(item);
        }
        Ok(items)
    }
}

impl<K: Stored + Ord, V: Stored> Stored for BTreeMap<K, V> {
    fn write(&self, writer: &mut Writer) {
        writer.list(self.len());
        for (key, value) in self {
            writer.list(2);
            key.write(writer);
            value.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut entries = Self::new();
        for _ in 0..reader.list()? {
            reader.record(2)?;
            let key = K::read(reader)?;
            let value = V::read(reader)?;
            if entries
                .last_key_value()
                .is_some_and(|(last, _)| *last >= key)
            {
                return Err(DecodeError::KeysNotAscending { at: reader.at() });
            }
            entries.insert(key, value);
        }
        Ok(entries)
    }
}

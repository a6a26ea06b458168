//! Counts the elements of a request along its descriptor.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Buf;
use prost::Message as _;
use prost::encoding::decode_varint;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::FILE_DESCRIPTOR_SET;

/// Most elements of one request. Each takes 150 bytes of memory at most.
pub(super) const ELEMENTS_MAX: usize = 250_000;

/// Requests nest five messages deep; no descriptor of ours is recursive.
const DEPTH_MAX: usize = 16;

/// Which fields of a message hold elements.
#[derive(Debug, Default)]
pub(super) struct Elements {
    fields: Vec<(u64, Option<&'static Elements>)>,
}

static REQUESTS: LazyLock<HashMap<String, &'static Elements>> = LazyLock::new(read_descriptors);

impl Elements {
    /// Of a request; `None` for responses, whose senders are trusted.
    pub(super) fn of_request(name: &str) -> Option<&'static Self> {
        REQUESTS.get(name).copied()
    }

    /// Whether a message has more than [`ELEMENTS_MAX`] of them. What is malformed ends the count: decoding will tell.
    pub(super) fn are_too_many(&self, message: &[u8]) -> bool {
        let mut left = ELEMENTS_MAX;
        self.count(message, &mut left);
        left == 0
    }

    fn count(&self, mut message: &[u8], left: &mut usize) {
        while *left > 0 && !message.is_empty() {
            let Some((tag, content)) = next_field(&mut message) else {
                return;
            };
            let held = self.fields.iter().find(|(held, _)| *held == tag);
            if let (Some((_, nested)), Some(content)) = (held, content) {
                *left -= 1;
                if let Some(nested) = nested {
                    nested.count(content, left);
                }
            }
        }
    }
}

/// Takes a field: its number, and its bytes where it has a length. `None` for what is malformed.
#[allow(
    clippy::option_option,
    reason = "the outer one is the parser's failure"
)]
fn next_field<'a>(message: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let key = decode_varint(message).ok()?;
    let content = match key & 7 {
        0 => {
            decode_varint(message).ok()?;
            None
        }
        1 => {
            message.try_get_u64().ok()?;
            None
        }
        2 => {
            let length = usize::try_from(decode_varint(message).ok()?).ok()?;
            let (content, rest) = message.split_at_checked(length)?;
            *message = rest;
            Some(content)
        }
        5 => {
            message.try_get_u32().ok()?;
            None
        }
        // Where a group begins and where it ends. No field of ours is one, and prost skips it: what is in it is read
        // as if it stood outside, so that nothing behind it is missed.
        3 | 4 => None,
        _ => return None,
    };
    Some((key >> 3, content))
}

/// Built once, kept for the life of the process.
fn read_descriptors() -> HashMap<String, &'static Elements> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let messages = files.file.into_iter().flat_map(|file| {
        let package = file.package().to_owned();
        file.message_type
            .into_iter()
            .flat_map(move |message| with_nested(&package, message))
    });
    let messages: HashMap<String, DescriptorProto> = messages.collect();
    let requests = messages
        .iter()
        .filter(|(name, _)| name.ends_with("Request"));
    requests
        .map(|(name, message)| {
            let short = name.rsplit('.').next().unwrap_or(name);
            (short.to_owned(), build(message, &messages, DEPTH_MAX))
        })
        .collect()
}

/// A message and those declared inside of it (the entries of maps), by their full names.
fn with_nested(scope: &str, message: DescriptorProto) -> Vec<(String, DescriptorProto)> {
    let name = format!("{scope}.{}", message.name());
    let nested = message.nested_type.clone();
    let mut all: Vec<_> = nested
        .into_iter()
        .flat_map(|nested| with_nested(&name, nested))
        .collect();
    all.push((name, message));
    all
}

fn build(
    message: &DescriptorProto,
    messages: &HashMap<String, DescriptorProto>,
    depth: usize,
) -> &'static Elements {
    let element = |field: &FieldDescriptorProto| {
        let tag = u64::try_from(field.number()).ok()?;
        match (field.r#type(), field.label()) {
            (Type::Message, _) => {
                let nested = messages.get(field.type_name().trim_start_matches('.'));
                let nested = nested.filter(|_| depth > 0);
                Some((tag, nested.map(|nested| build(nested, messages, depth - 1))))
            }
            (Type::String | Type::Bytes, Label::Repeated) => Some((tag, None)),
            _ => None,
        }
    };
    let fields = message.field.iter().filter_map(element).collect();
    Box::leak(Box::new(Elements { fields }))
}

//! Checks the text of one config against its row and turns it into a typed value.

use super::error::ConfigError;
use super::suggest::closest;
use super::table::{ConfigEffect, ConfigKind, ConfigRow, row};

/// The longest value of a config, in bytes.
pub(crate) const CONFIG_VALUE_BYTES_MAX: usize = 4096;

/// How much of a client's text an error repeats, in bytes.
const QUOTED_BYTES_MAX: usize = 128;

/// A config's value, of the type its row names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ConfigValue {
    Integer(i64),
    Boolean(bool),
    /// A ratio, a choice, or a list: the words, in order.
    Words(Vec<String>),
}

/// The row of the config `name`, or the error that says there is none.
pub(crate) fn require_row(name: &str) -> Result<&'static ConfigRow, ConfigError> {
    row(name).ok_or_else(|| ConfigError::Unknown {
        name: clipped(name),
        closest: closest(name).map(str::to_owned),
    })
}

/// Finds the row of `name` and checks `value` against it. Blanks around a value do not count.
pub(super) fn parse(
    name: &str,
    value: &str,
) -> Result<(&'static ConfigRow, ConfigValue), ConfigError> {
    let row = require_row(name)?;
    if value.len() > CONFIG_VALUE_BYTES_MAX {
        return Err(ConfigError::TooLong {
            name: name.to_owned(),
            bytes: value.len() as u64,
            limit: CONFIG_VALUE_BYTES_MAX as u64,
        });
    }
    let typed = typed(row.kind, value.trim()).ok_or_else(|| ConfigError::OutOfBounds {
        name: name.to_owned(),
        value: clipped(value),
        bounds: row.kind.bounds(),
    })?;
    refuse(row, value.trim())?;
    Ok((row, typed))
}

fn typed(kind: ConfigKind, value: &str) -> Option<ConfigValue> {
    match kind {
        ConfigKind::Integer { min, max } => {
            let number: i64 = value.parse().ok()?;
            (min..=max)
                .contains(&number)
                .then_some(ConfigValue::Integer(number))
        }
        ConfigKind::Boolean => match value.to_ascii_lowercase().as_str() {
            "true" => Some(ConfigValue::Boolean(true)),
            "false" => Some(ConfigValue::Boolean(false)),
            _ => None,
        },
        ConfigKind::Ratio => {
            let ratio: f64 = value.parse().ok()?;
            (0.0..=1.0)
                .contains(&ratio)
                .then(|| ConfigValue::Words(vec![value.to_owned()]))
        }
        ConfigKind::Choice(choices) => choices
            .contains(&value)
            .then(|| ConfigValue::Words(vec![value.to_owned()])),
        ConfigKind::List(choices) => {
            let words = list(value);
            words
                .iter()
                .all(|word| choices.contains(&word.as_str()))
                .then_some(ConfigValue::Words(words))
        }
        ConfigKind::ReplicaList => {
            let words = list(value);
            let all = words == ["*"];
            (all || words.iter().all(|word| is_replica(word))).then_some(ConfigValue::Words(words))
        }
    }
}

fn list(value: &str) -> Vec<String> {
    let words = value.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `partition:broker`.
fn is_replica(word: &str) -> bool {
    word.split_once(':').is_some_and(|(partition, broker)| {
        partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
    })
}

fn refuse(row: &ConfigRow, value: &str) -> Result<(), ConfigError> {
    match row.effect {
        ConfigEffect::Refused {
            value: refused,
            reason,
        } if value.eq_ignore_ascii_case(refused) => Err(ConfigError::Refused {
            name: row.name.to_owned(),
            value: clipped(value),
            reason: reason.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A client's text, cut to a length fit for an error.
pub(crate) fn clipped(text: &str) -> String {
    if text.len() <= QUOTED_BYTES_MAX {
        return text.to_owned();
    }
    let mut clipped = String::new();
    for character in text.chars() {
        if clipped.len() + character.len_utf8() > QUOTED_BYTES_MAX {
            break;
        }
        clipped.push(character);
    }
    clipped.push('…');
    clipped
}

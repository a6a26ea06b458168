//! Numbers with a unit: counts, bytes, durations.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Kind, quoted};

/// A plain number.
pub(crate) struct Count {
    /// The least that is allowed.
    pub(crate) least: u64,
    /// The most that is allowed.
    pub(crate) most: u64,
}

/// A size in bytes: `1048576`, `512KiB`, `16MiB`.
pub(crate) struct Bytes {
    /// The least that is allowed.
    pub(crate) least: u64,
    /// The most that is allowed.
    pub(crate) most: u64,
}

/// A duration: `250ms`, `30s`, `5m`, `1h`, `7d`.
pub(crate) struct Interval {
    /// The least that is allowed.
    pub(crate) least: Duration,
    /// The most that is allowed.
    pub(crate) most: Duration,
}

impl Bytes {
    /// A size within bounds that its owner has.
    pub(crate) const fn within(bounds: RangeInclusive<u64>) -> Self {
        Self {
            least: *bounds.start(),
            most: *bounds.end(),
        }
    }
}

impl Interval {
    /// A duration within bounds that its owner has.
    pub(crate) const fn within(bounds: RangeInclusive<Duration>) -> Self {
        Self {
            least: *bounds.start(),
            most: *bounds.end(),
        }
    }
}

const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("", 1),
];

const MILLISECOND_UNITS: &[(&str, u64)] = &[
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

impl Kind for Count {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, String> {
        bounded(number(text, &[("", 1)]), self.least, self.most)
            .ok_or_else(|| format!("it must be {}", self.bounds()))
    }

    fn toml(&self, value: &u64) -> String {
        value.to_string()
    }

    fn bounds(&self) -> String {
        between("a number", self.least, self.most)
    }
}

impl Kind for Bytes {
    type Value = u64;

    fn parse(&self, text: &str) -> Result<u64, String> {
        bounded(number(text, BYTE_UNITS), self.least, self.most)
            .ok_or_else(|| format!("it must be {}", self.bounds()))
    }

    fn toml(&self, value: &u64) -> String {
        quoted(&in_units(*value, BYTE_UNITS))
    }

    fn bounds(&self) -> String {
        between(
            "a size",
            in_units(self.least, BYTE_UNITS),
            in_units(self.most, BYTE_UNITS),
        )
    }
}

impl Kind for Interval {
    type Value = Duration;

    fn parse(&self, text: &str) -> Result<Duration, String> {
        let millis = number(text, MILLISECOND_UNITS);
        bounded(millis.map(Duration::from_millis), self.least, self.most)
            .ok_or_else(|| format!("it must be {}", self.bounds()))
    }

    fn toml(&self, value: &Duration) -> String {
        quoted(&shown(*value))
    }

    fn bounds(&self) -> String {
        between("a duration", shown(self.least), shown(self.most))
    }
}

fn bounded<T: Ord>(value: Option<T>, least: T, most: T) -> Option<T> {
    value.filter(|value| (least..=most).contains(value))
}

fn between(what: &str, least: impl Display, most: impl Display) -> String {
    format!("{what} from {least} to {most}")
}

fn shown(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    in_units(millis, MILLISECOND_UNITS)
}

/// Digits and one of the units; `None` for anything else, and beyond 64 bits.
fn number(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The number in the largest unit that divides it.
fn in_units(number: u64, units: &[(&str, u64)]) -> String {
    let fitting = units
        .iter()
        .find(|(_, factor)| number != 0 && number.is_multiple_of(*factor))
        .or(units.last());
    let (unit, factor) = fitting.copied().unwrap_or(("", 1));
    format!("{}{unit}", number / factor)
}

//! What a setting's value may be: how its text is read, bounded, and written back as TOML.
//!
//! A kind knows no setting and no source; it refuses with words that fit behind `setting = value: `.

mod address;
mod amount;
mod broker_number;
mod template;
mod words;

pub use address::ListenAddress;
pub(crate) use address::{Address, Addresses};
pub(crate) use amount::{Bytes, Count, Interval};
pub(crate) use broker_number::{BrokerNumber, ChosenNumber, ordinal};
pub(crate) use template::Template;
pub(crate) use words::{Directives, Directory, Name, Switch, Words};

/// A kind of value.
pub(crate) trait Kind: Sync {
    /// What the text means.
    type Value;

    /// Reads a text.
    ///
    /// # Errors
    /// What is expected instead, bounds included.
    fn parse(&self, text: &str) -> Result<Self::Value, String>;

    /// The value as TOML writes it; [`parse`](Self::parse) reads it back (without its quotes).
    fn toml(&self, value: &Self::Value) -> String;

    /// The bounds, for a person: `1 to 1024`.
    fn bounds(&self) -> String;
}

/// A text as a basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

//! One setting: its name, what it may be, what it is when nobody says, and what it does.
//!
//! Flag, environment variable and TOML key are made of the name, so they cannot drift apart.

use super::kind::Kind;

/// A setting whose values are of the kind `K`.
pub(crate) struct Setting<K> {
    /// The key in the TOML file; `_` becomes `-` in the flag.
    pub(crate) name: &'static str,
    /// What stands for the value in the help: `HOST:PORT`.
    pub(crate) placeholder: &'static str,
    /// What the value may be.
    pub(crate) kind: K,
    /// What it is when no flag, variable or file says.
    pub(crate) default: Default,
    /// A foreign environment variable that is honoured too, weaker than our own.
    pub(crate) variable_too: Option<&'static str>,
    /// What it does, in a sentence or two.
    pub(crate) help: &'static str,
}

/// What a setting is when nobody says.
pub(crate) enum Default {
    /// This text.
    Is(&'static str),
    /// What the machine suggests.
    Computed {
        /// In words.
        shown: &'static str,
        /// The text.
        text: fn() -> String,
    },
    /// Nothing; what follows from that, in words.
    Unset(&'static str),
}

/// A setting of whichever kind, seen by what handles all of them alike.
pub(crate) trait AnySetting: Sync {
    /// The key in the TOML file.
    fn name(&self) -> &'static str;
    /// What stands for the value in the help.
    fn placeholder(&self) -> &'static str;
    /// What it does.
    fn help(&self) -> &'static str;
    /// What it is when nobody says.
    fn default(&self) -> &Default;
    /// What the value may be, for a person.
    fn bounds(&self) -> String;
    /// A foreign environment variable that is honoured too.
    fn variable_too(&self) -> Option<&'static str>;
    /// Reads a value and writes it as TOML does.
    ///
    /// # Errors
    /// What is expected instead.
    fn to_toml(&self, text: &str) -> Result<String, String>;

    /// The flag, without its dashes.
    fn flag(&self) -> String {
        self.name().replace('_', "-")
    }

    /// The environment variable.
    fn variable(&self) -> String {
        format!("STRAND_{}", self.name().to_ascii_uppercase())
    }

    /// Whether the value is true or false, so that a flag alone means true.
    fn is_switch(&self) -> bool {
        self.placeholder() == SWITCH
    }
}

/// The placeholder of settings that are on or off.
pub(crate) const SWITCH: &str = "true|false";

impl<K: Kind> AnySetting for Setting<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn default(&self) -> &Default {
        &self.default
    }

    fn bounds(&self) -> String {
        self.kind.bounds()
    }

    fn variable_too(&self) -> Option<&'static str> {
        self.variable_too
    }

    fn to_toml(&self, text: &str) -> Result<String, String> {
        Ok(self.kind.toml(&self.kind.parse(text)?))
    }
}

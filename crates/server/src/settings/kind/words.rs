//! Texts: a directory, yes or no, one of a few words, log directives.

use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use super::{Kind, quoted};

/// A path. Whether it can be used is seen when it is opened.
pub(crate) struct Directory;

/// `true` or `false`.
pub(crate) struct Switch;

/// One of a few words, each with what it means.
pub(crate) struct Words<T: 'static>(pub(crate) &'static [(&'static str, T)]);

/// A name of some bytes, in printable ASCII.
pub(crate) struct Name {
    /// The longest, in bytes.
    pub(crate) bytes_max: usize,
}

/// A level, or directives as `tracing` has them: `info,broker=debug`.
pub(crate) struct Directives;

impl Kind for Directory {
    type Value = PathBuf;

    fn parse(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') {
            return Err(format!("it must be {}", self.bounds()));
        }
        Ok(PathBuf::from(text))
    }

    fn toml(&self, value: &PathBuf) -> String {
        quoted(&value.to_string_lossy())
    }

    fn bounds(&self) -> String {
        "the path of a directory, in UTF-8".to_owned()
    }
}

impl Kind for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, String> {
        text.parse()
            .map_err(|_| format!("it must be {}", self.bounds()))
    }

    fn toml(&self, value: &bool) -> String {
        value.to_string()
    }

    fn bounds(&self) -> String {
        "true or false".to_owned()
    }
}

impl<T: Copy + PartialEq + Sync> Kind for Words<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, String> {
        let meant = self.0.iter().find(|(word, _)| *word == text);
        meant
            .map(|(_, value)| *value)
            .ok_or_else(|| format!("it must be {}", self.bounds()))
    }

    fn toml(&self, value: &T) -> String {
        let meant = self.0.iter().find(|(_, known)| known == value);
        quoted(meant.map_or("", |(word, _)| word))
    }

    fn bounds(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| *word).collect();
        words.join(" or ")
    }
}

impl Kind for Name {
    type Value = String;

    fn parse(&self, text: &str) -> Result<String, String> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > self.bytes_max || !is_printable {
            return Err(format!("it must be {}", self.bounds()));
        }
        Ok(text.to_owned())
    }

    fn toml(&self, value: &String) -> String {
        quoted(value)
    }

    fn bounds(&self) -> String {
        format!(
            "a name of 1 to {} ASCII characters without blanks",
            self.bytes_max
        )
    }
}

impl Kind for Directives {
    type Value = String;

    fn parse(&self, text: &str) -> Result<String, String> {
        if text.trim().is_empty() {
            return Err(format!("it must be {}", self.bounds()));
        }
        match text.parse::<EnvFilter>() {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("{error}; it must be {}", self.bounds())),
        }
    }

    fn toml(&self, value: &String) -> String {
        quoted(value)
    }

    fn bounds(&self) -> String {
        "error, warn, info, debug, trace or off, alone or per module: info,broker=debug".to_owned()
    }
}

//! Topic names, checked as Kafka checks them.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest topic name, in bytes.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// A topic's name: 1 to 249 bytes of `[a-zA-Z0-9._-]`, neither `.` nor `..`. It never becomes a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a text is not a topic name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// The name has no character.
    #[error(
        "a topic name must not be empty; use 1 to {TOPIC_NAME_BYTES_MAX} characters of a-z A-Z 0-9 . _ -"
    )]
    Empty,
    /// The name is longer than [`TOPIC_NAME_BYTES_MAX`].
    #[error(
        "the topic name has {bytes} bytes, the limit is {TOPIC_NAME_BYTES_MAX}; choose a shorter one"
    )]
    TooLong {
        /// The name's length.
        bytes: usize,
    },
    /// A character outside `[a-zA-Z0-9._-]`.
    #[error("the topic name {name:?} holds {character:?}; use only a-z A-Z 0-9 . _ -")]
    IllegalCharacter {
        /// The name as given.
        name: String,
        /// The first offending character.
        character: char,
    },
    /// `.` or `..`.
    #[error("a topic cannot be named {name:?}; choose another name")]
    Reserved {
        /// The name as given.
        name: String,
    },
}

impl TopicName {
    /// Checks a name.
    ///
    /// # Errors
    /// A [`NameError`] that names the rule broken.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > TOPIC_NAME_BYTES_MAX {
            return Err(NameError::TooLong { bytes: name.len() });
        }
        let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(character) = name.chars().find(|c| !legal(c)) {
            return Err(NameError::IllegalCharacter {
                name: name.to_owned(),
                character,
            });
        }
        if name == "." || name == ".." {
            return Err(NameError::Reserved {
                name: name.to_owned(),
            });
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_is_accepted_and_one_more_refused() {
        assert!(TopicName::new(&"a".repeat(TOPIC_NAME_BYTES_MAX)).is_ok());
        let bytes = TOPIC_NAME_BYTES_MAX + 1;
        assert_eq!(
            TopicName::new(&"a".repeat(bytes)),
            Err(NameError::TooLong { bytes })
        );
    }

    #[test]
    fn paths_nul_and_foreign_letters_are_refused() {
        for (name, character) in [
            ("../etc", '/'),
            ("a\0b", '\0'),
            ("größe", 'ö'),
            ("a b", ' '),
        ] {
            assert_eq!(
                TopicName::new(name),
                Err(NameError::IllegalCharacter {
                    name: name.to_owned(),
                    character
                })
            );
        }
        for name in [".", ".."] {
            assert_eq!(
                TopicName::new(name),
                Err(NameError::Reserved {
                    name: name.to_owned()
                })
            );
        }
        assert_eq!(TopicName::new(""), Err(NameError::Empty));
        assert!(TopicName::new("...").is_ok());
    }
}

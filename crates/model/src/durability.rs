//! What an acknowledgement promises.

use std::fmt;
use std::str::FromStr;

/// When an append counts as done: the topic setting `durability`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A quorum has it on disk: written and synced.
    #[default]
    Fsync,
    /// A quorum has written it, not synced: it survives a killed process, not a power cut.
    PageCache,
}

impl Durability {
    /// The setting's spelling: `fsync` or `page-cache`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::PageCache => "page-cache",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Durability {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Fsync, Self::PageCache]
            .into_iter()
            .find(|d| d.as_str() == text)
            .ok_or(())
    }
}

/// What a producer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acks {
    /// A quorum has the batch, at the topic's [`Durability`].
    #[default]
    Quorum,
    /// Nothing: the batch is handed on and not answered for.
    None,
}

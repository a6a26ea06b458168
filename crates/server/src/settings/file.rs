//! The config file: TOML, one key per setting, no tables.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::sources::{Given, Source};
use super::suggest::closest;
use super::table::ALL;

/// No config file is larger, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a config file says.
#[derive(Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    texts: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads a file and refuses what is no setting.
    pub(super) fn read(path: &Path) -> Result<Self, SettingsError> {
        let content = read_bounded(path).map_err(|source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let table: toml::Table = content.parse().map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            error: Box::new(error),
        })?;
        let mut texts = BTreeMap::new();
        for (key, value) in table {
            if !ALL.iter().any(|setting| setting.name() == key) {
                let known = ALL.iter().map(|setting| setting.name());
                return Err(SettingsError::UnknownKey {
                    closest: closest(&key, known),
                    path: path.to_owned(),
                    key,
                });
            }
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(switch) => switch.to_string(),
                other => {
                    return Err(SettingsError::NotAValue {
                        found: other.type_str(),
                        path: path.to_owned(),
                        key,
                    });
                }
            };
            texts.insert(key, text);
        }
        let path = path.to_owned();
        Ok(Self { path, texts })
    }

    /// What the file says about a setting.
    pub(super) fn given(&self, name: &str) -> Option<Given> {
        let text = self.texts.get(name)?.clone();
        let source = Source::File(self.path.clone());
        Some(Given { text, source })
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut content = String::new();
    let file = std::fs::File::open(path)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        let text = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(content)
}

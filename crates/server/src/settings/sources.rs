//! Where values come from: flags, environment, file, defaults. The strongest that says something wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::file::ConfigFile;
use super::kind::Kind;
use super::setting::{AnySetting, Default, Setting};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag, without its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// The config file.
    File(PathBuf),
    /// Nobody said.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Variable(variable) => write!(f, "environment variable {variable}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting's text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The text.
    pub(crate) text: String,
    /// Where it came from.
    pub(crate) source: Source,
}

/// The flags, the environment and the file of one start.
pub(crate) struct Sources<'a> {
    flags: &'a BTreeMap<String, OsString>,
    environment: &'a dyn Fn(&str) -> Option<OsString>,
    file: ConfigFile,
}

/// The setting that names the file; it cannot stand in it.
pub(crate) const CONFIG_FLAG: &str = "config";
pub(crate) const CONFIG_VARIABLE: &str = "STRAND_CONFIG";

impl<'a> Sources<'a> {
    /// Reads the config file that the flags or the environment name.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or has a key that is no setting.
    pub(crate) fn gather(
        flags: &'a BTreeMap<String, OsString>,
        environment: &'a dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SettingsError> {
        let path = flags.get(CONFIG_FLAG).cloned();
        let path = path.or_else(|| environment(CONFIG_VARIABLE));
        let file = match path {
            Some(path) => ConfigFile::read(Path::new(&path))?,
            None => ConfigFile::default(),
        };
        Ok(Self {
            flags,
            environment,
            file,
        })
    }

    /// The strongest text for a setting; `None` if nobody says and it has no default.
    ///
    /// # Errors
    /// A flag or variable that is not UTF-8.
    pub(crate) fn given(&self, setting: &dyn AnySetting) -> Result<Option<Given>, SettingsError> {
        if let Some(value) = self.flags.get(setting.name()) {
            return utf8(value, Source::Flag(setting.flag())).map(Some);
        }
        let foreign = setting.variable_too().map(str::to_owned);
        for variable in std::iter::once(setting.variable()).chain(foreign) {
            // An empty variable is how a shell or a manifest unsets one.
            let value = (self.environment)(&variable).filter(|value| !value.is_empty());
            if let Some(value) = value {
                return utf8(&value, Source::Variable(variable)).map(Some);
            }
        }
        if let Some(given) = self.file.given(setting.name()) {
            return Ok(Some(given));
        }
        let text = match setting.default() {
            Default::Is(text) => (*text).to_owned(),
            Default::Computed { text, .. } => text(),
            Default::Unset(_) => return Ok(None),
        };
        let source = Source::Default;
        Ok(Some(Given { text, source }))
    }

    /// The value of a setting that has none by default.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] with setting, value, bounds and source.
    pub(crate) fn optional<K: Kind>(
        &self,
        setting: &Setting<K>,
    ) -> Result<Option<K::Value>, SettingsError> {
        let Some(given) = self.given(setting)? else {
            return Ok(None);
        };
        match setting.kind.parse(&given.text) {
            Ok(value) => Ok(Some(value)),
            Err(expected) => Err(SettingsError::invalid(setting.name, &given, expected)),
        }
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] with setting, value, bounds and source.
    pub(crate) fn value<K: Kind>(&self, setting: &Setting<K>) -> Result<K::Value, SettingsError> {
        self.optional(setting)?.ok_or(SettingsError::Missing {
            setting: setting.name,
        })
    }
}

fn utf8(value: &OsString, source: Source) -> Result<Given, SettingsError> {
    match value.to_str() {
        Some(text) => Ok(Given {
            text: text.to_owned(),
            source,
        }),
        None => Err(SettingsError::NotUtf8 {
            value: value.to_string_lossy().into_owned(),
            source_name: source,
        }),
    }
}

//! `--print-config`: the settings in force as a config file, each with what it means and who gave it.

use std::fmt::Write as _;

use super::error::SettingsError;
use super::setting::{AnySetting, Default};
use super::sources::Sources;
use super::table::ALL;

/// The settings in force as TOML that [`Sources`] reads back to the same settings.
///
/// # Errors
/// A setting that is refused.
pub(crate) fn print_config(sources: &Sources<'_>) -> Result<String, SettingsError> {
    let mut text = String::from(
        "# The settings in force, strongest source first: flags, STRAND_* variables, file.\n",
    );
    for setting in ALL {
        let line = match sources.given(*setting)? {
            Some(given) => {
                let value = setting
                    .to_toml(&given.text)
                    .map_err(|expected| SettingsError::invalid(setting.name(), &given, expected))?;
                format!("{} = {value}  # from: {}", setting.name(), given.source)
            }
            None => format!("# {} is not set", setting.name()),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "\n# {}\n# {}; default: {}\n{line}",
            setting.help(),
            setting.bounds(),
            shown_default(*setting),
        );
    }
    Ok(text)
}

/// The default, for a person.
pub(crate) fn shown_default(setting: &dyn AnySetting) -> &'static str {
    match setting.default() {
        Default::Is(text) => text,
        Default::Computed { shown, .. } => shown,
        Default::Unset(consequence) => consequence,
    }
}

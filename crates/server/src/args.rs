//! The flags of `strand broker`, made of the table of settings.
//!
//! Values are taken as text: the one place that validates them is `settings`, whoever gave them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use crate::settings::print::shown_default;
use crate::settings::setting::AnySetting;
use crate::settings::sources::{CONFIG_FLAG, CONFIG_VARIABLE};
use crate::settings::table::ALL;

const PRINT_CONFIG: &str = "print-config";

/// Every flag of `strand broker`.
#[derive(Clone, Debug, Default)]
pub struct BrokerArgs {
    /// The flags that were given, by the name of their setting.
    pub(crate) flags: BTreeMap<String, OsString>,
    /// Print the settings in force and exit.
    pub(crate) print_config: bool,
}

impl clap::Args for BrokerArgs {
    fn augment_args(command: Command) -> Command {
        let command = command
            .arg(config_flag())
            .args(ALL.iter().map(|setting| flag(*setting)));
        command.arg(
            Arg::new(PRINT_CONFIG)
                .long(PRINT_CONFIG)
                .action(ArgAction::SetTrue)
                .help("Print the settings in force as a config file, with who gave each, and exit"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for BrokerArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let names = ALL.iter().map(|setting| setting.name());
        for name in names.chain([CONFIG_FLAG]) {
            if let Some(value) = matches.get_one::<OsString>(name) {
                self.flags.insert(name.to_owned(), value.clone());
            }
        }
        self.print_config |= matches.get_flag(PRINT_CONFIG);
        Ok(())
    }
}

fn config_flag() -> Arg {
    Arg::new(CONFIG_FLAG)
        .long(CONFIG_FLAG)
        .value_name("FILE")
        .value_parser(OsStringValueParser::new())
        .value_hint(ValueHint::FilePath)
        .help(format!(
            "A TOML file with settings, named as the flags but with `_` for `-` [env: {CONFIG_VARIABLE}]"
        ))
}

fn flag(setting: &'static dyn AnySetting) -> Arg {
    let variables: Vec<_> = std::iter::once(setting.variable())
        .chain(setting.variable_too().map(str::to_owned))
        .collect();
    let origin = format!(
        "[env: {}] [default: {}]",
        variables.join(", "),
        shown_default(setting)
    );
    let arg = Arg::new(setting.name())
        .long(setting.flag())
        .value_name(setting.placeholder())
        .value_parser(OsStringValueParser::new())
        .help(format!("{} {origin}", setting.help()))
        .long_help(format!("{}\n{} {origin}", setting.help(), setting.bounds()));
    if setting.is_switch() {
        return arg.num_args(0..=1).default_missing_value("true");
    }
    match setting.name() {
        "data" => arg.value_hint(ValueHint::DirPath),
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn parsed(words: &[&str]) -> BrokerArgs {
        let command = BrokerArgs::augment_args(Command::new("broker"));
        let words = std::iter::once("broker").chain(words.iter().copied());
        BrokerArgs::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }

    #[test]
    fn the_flags_are_sound() {
        BrokerArgs::augment_args(Command::new("broker")).debug_assert();
    }

    #[test]
    fn flags_are_kept_as_they_are_given() {
        let args = parsed(&["--grpc", "nonsense", "--log-format=json", "--print-config"]);
        assert_eq!(args.flags["grpc"], "nonsense");
        assert_eq!(args.flags["log_format"], "json");
        assert_eq!(args.flags.len(), 2);
        assert!(args.print_config);
    }

    #[test]
    fn a_switch_alone_means_true() {
        assert_eq!(
            parsed(&["--auto-create-topics"]).flags["auto_create_topics"],
            "true"
        );
        let args = parsed(&["--auto-create-topics", "false"]);
        assert_eq!(args.flags["auto_create_topics"], "false");
    }
}

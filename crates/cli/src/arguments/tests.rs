//! Tests of the command line as a user types it.

use clap::{CommandFactory, Parser};

use super::*;

fn parse_words(words: &str) -> Cli {
    Cli::try_parse_from(words.split(' ')).unwrap_or_else(|error| panic!("{words}: {error}"))
}

fn refused(words: &str) -> String {
    Cli::try_parse_from(words.split(' '))
        .expect_err(words)
        .to_string()
}

#[test]
fn the_command_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_server_and_the_output_may_stand_behind_any_command() {
    for words in [
        "strand --server h:1 --json topic list",
        "strand topic --server h:1 list --json",
        "strand topic list --server h:1 --output json",
        "strand cluster describe --json --server h:1",
    ] {
        let cli = parse_words(words);
        assert_eq!(cli.global.server.0, ["h:1"], "{words}");
        assert_eq!(cli.global.format(), OutputFormat::Json, "{words}");
    }
    assert_eq!(
        parse_words("strand topic list").global.format(),
        OutputFormat::Table
    );
}

#[test]
fn an_alteration_that_changes_nothing_is_refused() {
    refused("strand topic alter orders");
    parse_words("strand topic alter orders --unset retention.ms");
    parse_words("strand topic alter orders --partitions 4 --config a=b --config c=d");
}

#[test]
fn only_one_start_of_reading_is_accepted() {
    refused("strand consume t --offset 3 --from-beginning");
    refused("strand consume t --from-timestamp 3 --from-beginning");
    parse_words("strand consume t --from-beginning --max 3 --until-end --format key-value");
}

#[test]
fn deleting_records_needs_to_know_how_many() {
    refused("strand topic delete-records orders");
    refused("strand topic delete-records orders --all --before 3");
    parse_words("strand topic delete-records orders --before 3 --partition 1");
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = Cli::command().render_long_help().to_string();
    for code in 0..=7 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code} in {help}");
    }
}

#[test]
fn several_brokers_may_be_named_and_both_names_of_the_option_will_do() {
    for words in [
        "strand cluster moves --server a:1,b:2",
        "strand cluster drain 2 --wait --timeout 30s --broker a:1,b:2",
    ] {
        assert_eq!(
            parse_words(words).global.server.0,
            ["a:1", "b:2"],
            "{words}"
        );
    }
    refused("strand topic list --server a:1,b");
}

#[test]
fn a_broker_is_drained_by_its_number_or_as_the_one_that_is_asked() {
    parse_words("strand cluster drain --self --wait");
    refused("strand cluster drain");
    refused("strand cluster drain 1 --self");
    refused("strand cluster drain 1 --timeout 3s");
}

#[test]
fn a_reassignment_names_its_brokers() {
    parse_words("strand topic reassign orders --replicas 1,2,3 --wait");
    parse_words("strand topic reassign orders --partition 4 --replicas 1,2,3");
    refused("strand topic reassign orders");
    refused("strand topic reassign orders --replicas 1,1");
}

#[test]
fn what_is_no_brokers_number_is_said_to_be_none() {
    for words in [
        "strand cluster drain x",
        "strand cluster undrain 1.5",
        "strand cluster decommission -- -1",
        "strand cluster transfer-leader orders 0 --to two",
    ] {
        let text = refused(words);
        assert!(text.contains("is not a broker's number, as in 2"), "{text}");
    }
}

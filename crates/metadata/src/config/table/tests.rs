use super::{ConfigEffect, TOPIC_CONFIGS};

const README: &str = include_str!("../../../../../README.md");

/// What the README says of topic configs, up to the next heading.
fn section() -> &'static str {
    let (_, behind) = README.split_once("## Topic configs").unwrap();
    behind
        .split_once("\n## ")
        .map_or(behind, |(section, _)| section)
}

/// The README's rows: name, default.
fn rows() -> Vec<(&'static str, &'static str)> {
    let lines = section()
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let cells = lines.filter_map(|line| line.split_once("` | "));
    cells
        .filter_map(|(name, rest)| Some((name, rest.split_once(" | ")?.0.trim_matches('`'))))
        .collect()
}

#[test]
fn the_readme_lists_each_config_that_does_something_with_its_default() {
    let honoured = TOPIC_CONFIGS.iter().filter(|row| {
        matches!(
            row.effect,
            ConfigEffect::Honoured | ConfigEffect::HonouredFor { .. }
        )
    });
    let expected: Vec<_> = honoured
        .map(|row| (row.name, row.default.unwrap_or("the quorum")))
        .collect();
    assert_eq!(rows(), expected);
}

#[test]
fn the_readme_names_each_config_without_effect_and_each_refused_one() {
    let (refused, stored) = section().split_once("Stored, reported").unwrap();
    for row in TOPIC_CONFIGS {
        let name = format!("`{}`", row.name);
        match row.effect {
            ConfigEffect::StoredWithoutEffect(_) => assert!(stored.contains(&name), "{name}"),
            ConfigEffect::Refused { .. } => assert!(refused.contains(&name), "{name}"),
            ConfigEffect::Honoured | ConfigEffect::HonouredFor { .. } => {}
        }
    }
}

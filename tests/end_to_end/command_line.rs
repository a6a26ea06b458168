//! The command line's contract: what goes in comes out, field names, exit codes, pipes.

mod consume;
mod others;
mod produce;
mod topics;

use serde_json::Value;

/// The names of a JSON object's fields, sorted.
#[track_caller]
fn fields(value: &Value) -> Vec<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"));
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The object has all of these fields.
#[track_caller]
fn assert_has_fields(value: &Value, expected: &[&str]) {
    let found = fields(value);
    let missing: Vec<_> = expected
        .iter()
        .filter(|name| !found.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} is missing in {value}");
}

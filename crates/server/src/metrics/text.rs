//! Prometheus' text format.

use std::fmt::{Display, Write as _};

/// `name="value"`, with what would end the value taken care of.
pub(super) fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\");
    let value = value.replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

/// A metric of several series that is being written.
pub(super) struct Series<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl<'a> Series<'a> {
    /// Begins a metric: its help and its type.
    pub(super) fn begin(
        text: &'a mut String,
        name: &'static str,
        kind: &str,
        help: &str,
    ) -> Series<'a> {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Series { text, name }
    }

    /// Adds a series; `labels` as [`label`] writes them, with commas between.
    pub(super) fn add(&mut self, labels: &str, value: impl Display) {
        let name = self.name;
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }
}

impl Drop for Series<'_> {
    fn drop(&mut self) {
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_is_escaped() {
        assert_eq!(label("a", "b\"c\\d\ne"), r#"a="b\"c\\d\ne""#);
    }
}

//! A figure, what it is held against, and how it is shown.

use serde::Serialize;

use super::{Machine, Spread};

/// A target's bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// Smaller is better.
    AtMost(f64),
    /// Larger is better.
    AtLeast(f64),
    /// Shown for comparison; no target.
    None,
}

impl Bound {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(value <= bound),
            Self::AtLeast(bound) => Some(value >= bound),
            Self::None => None,
        }
    }
}

/// One measured figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// The target's number in TARGETS: `P1` …
    pub(crate) target: &'static str,
    /// What was measured.
    pub(crate) what: String,
    /// Median of what was measured, in `unit`.
    pub(crate) measured: f64,
    /// Of `measured` and `floor`.
    pub(crate) unit: &'static str,
    /// What the floor is.
    pub(crate) floor_is: &'static str,
    /// Median of the floor, taken in the same rounds.
    pub(crate) floor: Option<f64>,
    /// What is held against the bound: a ratio or a difference to the floor, pair by pair, or the figure itself.
    pub(crate) compared: Spread,
    /// Of `compared`: `x` for a ratio.
    pub(crate) compared_unit: &'static str,
    /// The target.
    pub(crate) bound: Bound,
    /// What limits it, or how to read it.
    pub(crate) note: String,
}

impl Figure {
    fn verdict(&self) -> &'static str {
        match self.bound.is_met(self.compared.median) {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        }
    }
}

/// Prints a figure as lines for people.
pub(crate) fn print_table(figures: &[Figure]) {
    for figure in figures {
        let Figure { target, what, .. } = figure;
        println!("{target:<4} {what}");
        if let Some(floor) = figure.floor {
            let (measured, floor) = (number(figure.measured), number(floor));
            let (unit, is) = (figure.unit, figure.floor_is);
            println!("     {measured} {unit}, floor {floor} {unit} ({is})");
        }
        let (spread, unit) = (figure.compared, figure.compared_unit);
        let bound = match figure.bound {
            Bound::AtMost(bound) => format!("target <= {} {unit}: ", number(bound)),
            Bound::AtLeast(bound) => format!("target >= {} {unit}: ", number(bound)),
            Bound::None => String::new(),
        };
        println!(
            "     {} {unit} [{} .. {}], median's 95 % [{} .. {}]; {bound}{}",
            number(spread.median),
            number(spread.min),
            number(spread.max),
            number(spread.low),
            number(spread.high),
            figure.verdict(),
        );
        if !figure.note.is_empty() {
            println!("     {}", figure.note);
        }
    }
}

/// Prints figures as one JSON object, with the machine before and after.
pub(crate) fn print_json(figures: &[Figure], before: &Machine, after: &Machine) {
    let figures: Vec<_> = figures
        .iter()
        .map(|figure| {
            let mut value = serde_json::json!(figure);
            value["met"] = serde_json::json!(figure.bound.is_met(figure.compared.median));
            value
        })
        .collect();
    let report = serde_json::json!({
        "machine": before,
        "load_after": after.load,
        "figures": figures,
    });
    println!("{report:#}");
}

/// About three digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_include_their_ends() {
        assert_eq!(Bound::AtMost(1.5).is_met(1.5), Some(true));
        assert_eq!(Bound::AtMost(1.5).is_met(1.51), Some(false));
        assert_eq!(Bound::AtLeast(0.9).is_met(0.9), Some(true));
        assert_eq!(Bound::AtLeast(0.9).is_met(f64::NAN), Some(false));
        assert_eq!(Bound::None.is_met(1.0), None);
    }

    #[test]
    fn numbers_keep_about_three_digits() {
        let shown: Vec<_> = [123_456.7, 12.345, 1.2345, 0.1234]
            .map(number)
            .into_iter()
            .collect();
        assert_eq!(shown, ["123457", "12.3", "1.23", "0.123"]);
    }
}

//! Bad input gets a clear error and loses nothing: every line of the README's table of errors is provoked, and the
//! broker answers what the table says.

mod batches;
mod provocations;
mod stage;
mod table;

use std::collections::BTreeSet;

use rpc::Reason;

use provocations::PROVOCATIONS;
use stage::{Seen, Stage};
use table::{Row, rows};

#[test]
fn every_line_of_the_readmes_table_of_errors_is_what_happens() {
    let rows = rows();
    let documented: BTreeSet<_> = rows.iter().map(|row| row.what.as_str()).collect();
    let provoked: BTreeSet<_> = PROVOCATIONS.iter().map(|(what, _)| *what).collect();
    assert_eq!(
        documented, provoked,
        "the table's lines, and what is provoked"
    );

    let stage = Stage::open();
    let mut wrong = Vec::new();
    for (what, provoke) in PROVOCATIONS {
        let row = rows
            .iter()
            .find(|row| row.what == *what)
            .expect("it is documented");
        for seen in provoke(&stage) {
            wrong.extend(differs(row, &seen));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers are not as documented:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    stage.assert_that_nothing_was_lost();
}

/// How what was seen is not what the table says.
fn differs(row: &Row, seen: &Seen) -> Option<String> {
    let Row {
        what,
        code,
        reason,
        exit,
    } = row;
    let as_documented = match seen {
        Seen::Status {
            code: seen_code,
            reason: seen_reason,
            ..
        } => {
            let known =
                Reason::of_name(reason).map(|reason| i32::from(reason.exit_class().exit_code()));
            code.as_ref() == Some(seen_code) && reason == seen_reason && known == Some(*exit)
        }
        Seen::Exit {
            code: seen_code,
            reason: seen_reason,
            ..
        } => seen_code == exit && (code.is_none() || reason == seen_reason),
    };
    (!as_documented)
        .then(|| format!("- {what}\n  documented: {code:?} {reason} {exit}\n  seen: {seen:?}"))
}

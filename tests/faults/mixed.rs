//! All faults, one after the other as chance has it.

use crate::fault::Fault;
use crate::trial::trial;

/// All, or those that `STRAND_FAULTS` names.
fn chosen() -> Vec<Fault> {
    let Ok(names) = std::env::var("STRAND_FAULTS") else {
        return Fault::ALL.to_vec();
    };
    let is_named = |fault: &Fault| names.split(',').any(|name| name == format!("{fault:?}"));
    let chosen: Vec<_> = Fault::ALL.into_iter().filter(is_named).collect();
    assert!(
        !chosen.is_empty(),
        "none of {:?} is in STRAND_FAULTS={names}",
        Fault::ALL
    );
    chosen
}

#[test]
fn no_acknowledged_record_is_lost_or_doubled_whatever_happens() {
    trial(
        "mixed::no_acknowledged_record_is_lost_or_doubled_whatever_happens",
        &chosen(),
    );
}

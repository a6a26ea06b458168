//! Alternating passes: A B, B A, A B … so that a machine whose speed drifts treats all subjects alike.

use anyhow::{Context, Result};

use super::Pass;
use super::statistics::{Spread, median};

/// One thing that is measured against others.
pub(crate) struct Subject<'a> {
    name: &'static str,
    pass: Box<dyn FnMut() -> Result<Pass> + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject, measured by calling `pass`.
    pub(crate) fn new(name: &'static str, pass: impl FnMut() -> Result<Pass> + 'a) -> Self {
        Self {
            name,
            pass: Box::new(pass),
        }
    }
}

/// Every subject's passes, round by round; in the order in which the subjects were given.
pub(crate) struct Rounds(Vec<Vec<Pass>>);

/// Runs `rounds` rounds of one pass of each subject, every second round in reverse order. A first round, in which
/// files and caches are still cold, is thrown away.
pub(crate) fn alternate(rounds: usize, mut subjects: Vec<Subject<'_>>) -> Result<Rounds> {
    let mut passes: Vec<Vec<Pass>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for turn in order(subjects.len(), round) {
            let subject = &mut subjects[turn];
            let pass = (subject.pass)().with_context(|| format!("measuring {}", subject.name))?;
            eprintln!("  round {round}: {:<40} {}", subject.name, pass.summary());
            if round > 0 {
                passes[turn].push(pass);
            }
        }
    }
    Ok(Rounds(passes))
}

/// The order of the subjects' turns in one round.
fn order(subjects: usize, round: usize) -> Vec<usize> {
    if round.is_multiple_of(2) {
        (0..subjects).rev().collect()
    } else {
        (0..subjects).collect()
    }
}

impl Rounds {
    /// The median of a subject's figure.
    pub(crate) fn median(&self, subject: usize, figure: impl Fn(&Pass) -> f64) -> f64 {
        median(self.0[subject].iter().map(figure).collect())
    }

    /// A subject's figure in every round.
    pub(crate) fn values(&self, subject: usize, figure: impl Fn(&Pass) -> f64) -> Spread {
        Spread::of(self.0[subject].iter().map(figure).collect())
    }

    /// `a` over `b`, round by round.
    pub(crate) fn ratio(&self, a: usize, b: usize, figure: impl Fn(&Pass) -> f64) -> Spread {
        self.paired(a, b, |a, b| figure(a) / figure(b))
    }

    /// `a` minus `b`, round by round.
    pub(crate) fn difference(&self, a: usize, b: usize, figure: impl Fn(&Pass) -> f64) -> Spread {
        self.paired(a, b, |a, b| figure(a) - figure(b))
    }

    fn paired(&self, a: usize, b: usize, of: impl Fn(&Pass, &Pass) -> f64) -> Spread {
        let pairs = self.0[a].iter().zip(&self.0[b]);
        Spread::of(pairs.map(|(a, b)| of(a, b)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn rounds_alternate_and_the_first_one_is_thrown_away() {
        let turns = RefCell::new(String::new());
        let subject = |name: &'static str, seconds: f64| {
            let turns = &turns;
            Subject::new(name, move || {
                turns.borrow_mut().push_str(name);
                Ok(Pass {
                    seconds,
                    ..Pass::default()
                })
            })
        };
        let rounds = alternate(2, vec![subject("a", 3.0), subject("b", 2.0)]).unwrap();
        assert_eq!(*turns.borrow(), "baabba");
        assert_eq!(rounds.0[0].len(), 2);
        assert_eq!(rounds.ratio(0, 1, |pass| pass.seconds).median, 1.5);
        assert_eq!(rounds.difference(0, 1, |pass| pass.seconds).median, 1.0);
    }

    #[test]
    fn a_failing_pass_names_its_subject() {
        let fails = Subject::new("the subject", || anyhow::bail!("no"));
        let error = alternate(1, vec![fails]).err().unwrap();
        assert_eq!(error.to_string(), "measuring the subject");
    }
}

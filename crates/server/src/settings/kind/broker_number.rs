//! A broker's number: given, or taken from the name of the host.

use super::{Kind, quoted};

/// A number, or the word `hostname`.
pub(crate) struct BrokerNumber;

/// How a broker's number is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChosenNumber {
    /// It is this one.
    Is(u32),
    /// It stands behind the last `-` of the host's name.
    OfHostName,
}

const OF_HOST_NAME: &str = "hostname";
const MOST: u32 = i32::MAX as u32;

impl Kind for BrokerNumber {
    type Value = ChosenNumber;

    fn parse(&self, text: &str) -> Result<ChosenNumber, String> {
        if text == OF_HOST_NAME {
            return Ok(ChosenNumber::OfHostName);
        }
        number(text)
            .map(ChosenNumber::Is)
            .ok_or_else(|| format!("it must be {}", self.bounds()))
    }

    fn toml(&self, value: &ChosenNumber) -> String {
        match value {
            ChosenNumber::Is(number) => number.to_string(),
            ChosenNumber::OfHostName => quoted(OF_HOST_NAME),
        }
    }

    fn bounds(&self) -> String {
        format!("a number from 0 to {MOST}, or `{OF_HOST_NAME}`")
    }
}

/// The ordinal that a StatefulSet puts at the end of a host's name: 2 of `strand-2`, and of `strand-2.strand.svc`.
pub(crate) fn ordinal(host_name: &str) -> Option<u32> {
    let label = host_name.split('.').next()?;
    let (_, ordinal) = label.rsplit_once('-')?;
    number(ordinal)
}

fn number(text: &str) -> Option<u32> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_digits)?;
    (number <= MOST).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordinal_stands_behind_the_last_dash_of_the_first_label() {
        assert_eq!(ordinal("strand-2"), Some(2));
        assert_eq!(ordinal("strand-a-17.strand-peers.default.svc"), Some(17));
        for name in [
            "",
            "strand",
            "strand-",
            "strand-x",
            "strand-+1",
            "strand.x-1",
            "s-2147483648",
        ] {
            assert_eq!(ordinal(name), None, "{name}");
        }
    }
}

//! Readers of single values: addresses, durations, sizes, `K=V` pairs, separators.

use std::time::Duration;

/// `K=V`, split at the first `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Bytes that stand between a key and its value; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Separator(pub(crate) Vec<u8>);

/// One address or several, never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses(pub(crate) Vec<String>);

/// Reads `HOST:PORT,HOST:PORT`.
pub(crate) fn addresses(text: &str) -> Result<Addresses, String> {
    let read = text.split(',').map(|part| address(part.trim()));
    read.collect::<Result<_, _>>().map(Addresses)
}

/// Reads a broker's number, as in `2`.
pub(crate) fn broker(text: &str) -> Result<i32, String> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| format!("`{text}` is not a broker's number, as in 2"))
}

/// Reads brokers' numbers, as in `1,2,3`: at least one, none twice.
pub(crate) fn brokers(text: &str) -> Result<Vec<i32>, String> {
    let expected = || format!("`{text}` is not a list of brokers, as in 1,2,3");
    let mut brokers = Vec::new();
    for part in text.split(',') {
        let broker: i32 = part.trim().parse().map_err(|_| expected())?;
        if broker < 0 {
            return Err(expected());
        }
        if brokers.contains(&broker) {
            return Err(format!("broker {broker} stands twice in `{text}`"));
        }
        brokers.push(broker);
    }
    Ok(brokers)
}

/// Reads `HOST:PORT`; an IPv6 host stands in brackets.
fn address(text: &str) -> Result<String, String> {
    let expected = || format!("`{text}` is not HOST:PORT, as in 127.0.0.1:7700 or [::1]:7700");
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    match port.parse::<u16>() {
        Ok(1..) if bracketed || plain => Ok(text.to_owned()),
        _ => Err(expected()),
    }
}

/// Reads `K=V`; the value may be empty or hold further `=`.
pub(crate) fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(Assignment {
            key: key.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

/// Reads a time such as `250ms`, `30s`, `5m`, `2h`; a bare number counts seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("`{text}` is not a time, as in 250ms, 30s, 5m or 2h");
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(expected()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| expected())
}

/// Reads a size such as `1000`, `64KiB`, `1MiB`; the units are powers of 1024.
pub(crate) fn byte_count(text: &str) -> Result<u64, String> {
    let expected = || format!("`{text}` is not a size, as in 1000, 64KiB or 1MiB");
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(expected()),
    };
    number.checked_mul(1 << shift).ok_or_else(expected)
}

/// Reads a separator; `\t`, `\0` and `\xHH` stand for a tab, a NUL and any byte.
pub(crate) fn separator(text: &str) -> Result<Separator, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match (first, behind) {
            (b'\\', [b't', behind @ ..]) => (b'\t', behind),
            (b'\\', [b'0', behind @ ..]) => (0, behind),
            (b'\\', [b'x', high, low, behind @ ..]) => (hex_byte(*high, *low)?, behind),
            _ => (*first, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    match bytes.as_slice() {
        [] => Err("a separator has at least one byte".to_owned()),
        bytes if bytes.contains(&b'\n') => {
            Err("a separator cannot hold a line feed: that ends the record".to_owned())
        }
        _ => Ok(Separator(bytes)),
    }
}

fn hex_byte(high: u8, low: u8) -> Result<u8, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Ok((high * 16 + low) as u8),
        _ => Err("`\\x` is followed by two hexadecimal digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_a_host_and_a_port() {
        for text in [
            "127.0.0.1:7700",
            "localhost:1",
            "[::1]:7700",
            "strand-0.strand:65535",
        ] {
            assert_eq!(address(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "localhost",
            ":7700",
            "h:0",
            "h:65536",
            "http://h:1",
            "::1",
            "[]:1",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_of_addresses_and_of_brokers_are_split_at_commas() {
        let expected = Addresses(vec!["a:1".to_owned(), "[::1]:2".to_owned()]);
        assert_eq!(addresses("a:1, [::1]:2"), Ok(expected));
        assert!(addresses("a:1,").is_err() && addresses("").is_err());
        assert_eq!(brokers("3,1, 2"), Ok(vec![3, 1, 2]));
        for text in ["", "1,", "x", "-1", "1,1"] {
            assert!(brokers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_units_and_no_surprises() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        for text in ["", "s", "-1s", "1d", "1e9", "99999999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_count_in_powers_of_1024() {
        assert_eq!(byte_count("1000"), Ok(1000));
        assert_eq!(byte_count("64KiB"), Ok(64 << 10));
        assert_eq!(byte_count("1m"), Ok(1 << 20));
        for text in ["", "KiB", "1TB", "-1", "99999999999999GiB"] {
            assert!(byte_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn separators_may_be_any_bytes_but_a_line_feed() {
        let bytes = |text| separator(text).map(|Separator(bytes)| bytes);
        assert_eq!(bytes(r"\t"), Ok(vec![b'\t']));
        assert_eq!(bytes(r"\xff\0"), Ok(vec![0xff, 0]));
        assert_eq!(bytes(r"\"), Ok(vec![b'\\']));
        assert_eq!(bytes("::"), Ok(b"::".to_vec()));
        assert!(
            bytes("").is_err()
                && bytes("a\nb").is_err()
                && bytes(r"\x0a").is_err()
                && bytes(r"\xg0").is_err()
        );
    }

    #[test]
    fn an_assignment_is_split_at_its_first_equals_sign() {
        let expected = Assignment {
            key: "a".to_owned(),
            value: "b=c".to_owned(),
        };
        assert_eq!(assignment("a=b=c"), Ok(expected));
        assert!(assignment("=b").is_err() && assignment("ab").is_err());
    }
}

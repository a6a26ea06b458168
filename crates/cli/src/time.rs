//! Times as people write them: RFC 3339, or milliseconds since 1970. The calendar is the proleptic Gregorian one.
//!
//! Source of the day count: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Reads milliseconds since 1970, or a time as in `2026-01-31T08:00:00Z` and `2026-01-31 08:00:00.5+01:00`.
pub(crate) fn parse_millis(text: &str) -> Result<i64, String> {
    let expected = || {
        format!(
            "`{text}` is no time: use RFC 3339, as in 2026-01-31T08:00:00Z, or milliseconds since 1970"
        )
    };
    text.parse()
        .ok()
        .or_else(|| rfc_3339(text))
        .ok_or_else(expected)
}

/// A time as RFC 3339, in UTC.
pub(crate) fn format_millis(millis: i64) -> String {
    let (days, of_day) = (
        millis.div_euclid(MILLIS_PER_DAY),
        millis.rem_euclid(MILLIS_PER_DAY),
    );
    let (year, month, day) = date_of(days);
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

fn rfc_3339(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(rest.get(..8)?, ':', [2, 2, 2])?;
    let (fraction, zone) = take_fraction(rest.get(8..)?)?;
    let offset_minutes = zone_minutes(zone)?;
    let in_calendar = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    // A leap second counts as the second before it.
    if !in_calendar || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + (minute - offset_minutes) * 60 + second.min(59);
    Some(days_to(year, month, day) * MILLIS_PER_DAY + seconds * 1000 + fraction)
}

/// Three numbers of fixed widths.
fn numbers(text: &str, between: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts
            .next()
            .filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The milliseconds of a fraction, if there is one, and what stands behind it.
fn take_fraction(text: &str) -> Option<(i64, &str)> {
    let Some(digits) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let millis = digits.get(..3).unwrap_or(digits);
    let scale = 10_i64.pow(3 - u32::try_from(millis.len()).ok()?);
    Some((millis.parse::<i64>().ok()? * scale, rest))
}

fn zone_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok())?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 60 + i64::from(minutes)))
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Years begin in March here, so that the leap day is the last.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date `days` after 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_read() {
        for (text, millis) in [
            ("1700000000000", 1_700_000_000_000),
            ("-5", -5),
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14 23:13:20.25+01:00", 1_700_000_000_250),
            ("2000-02-29T23:59:59.999999z", 951_868_799_999),
            ("1969-12-31T23:59:59Z", -1000),
        ] {
            assert_eq!(parse_millis(text), Ok(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13Z",
            "2023-11-14T22:13:20+1",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20Zz",
            "٢٠٢٣-11-14T22:13:20Z",
        ] {
            assert!(parse_millis(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_reads_back_what_it_prints(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_millis(&format_millis(millis)), Ok(millis));
        }
    }
}

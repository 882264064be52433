//! Times, spans and sizes in plain words.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The moment as a civil time in UTC; `None` when the number is no moment (a foreign `exp` may be anything).
fn civil(seconds: i64) -> Option<DateTime> {
    let moment = Timestamp::from_second(seconds).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).datetime())
}

/// `11:00:22`, in UTC.
pub fn clock_time(seconds: i64) -> String {
    civil(seconds).map_or_else(
        || seconds.to_string(),
        |at| at.strftime("%H:%M:%S").to_string(),
    )
}

/// `16 Sep 2020, 11:00:22 UTC`.
pub fn date_time(seconds: i64) -> String {
    civil(seconds).map_or_else(
        || format!("no moment: {seconds}"),
        |at| at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string(),
    )
}

/// A span in words: `1 h`, `59 min 59 s`, `30 d`, `250 ms`; at most two units, the sign dropped.
pub fn span_seconds(seconds: i64) -> String {
    let total = seconds.unsigned_abs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = total;
    let mut parts = Vec::new();
    for (size, name) in units {
        if rest >= size {
            parts.push(format!("{} {name}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// A span of milliseconds in words: `83 ms`, `1.2 s`, `2 min 5 s`.
pub fn span_millis(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => span_seconds((millis / 1_000) as i64),
    }
}

/// A number of bytes: `64 MiB`, `1.5 GiB`, `17 bytes`.
pub fn bytes(count: u64) -> String {
    let units = [
        (1_u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    for (size, name) in units {
        if count >= size {
            let tenths = (u128::from(count) * 10 / u128::from(size)) as u64;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if tenth == 0 {
                format!("{whole} {name}")
            } else {
                format!("{whole}.{tenth} {name}")
            };
        }
    }
    if count == 1 {
        "1 byte".to_owned()
    } else {
        format!("{count} bytes")
    }
}

/// `1 token`, `3 tokens`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", head.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(clock_time(1_600_246_822), "09:00:22");
        assert_eq!(date_time(1_600_246_822), "16 Sep 2020, 09:00:22 UTC");
        assert_eq!(date_time(i64::MAX), format!("no moment: {}", i64::MAX));
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (3_601, "1 h"),
            (2_592_000, "30 d"),
            (90_061, "1 d 1 h"),
            (-600, "10 min"),
        ] {
            assert_eq!(span_seconds(seconds), words);
        }
        for (millis, words) in [(83, "83 ms"), (1_234, "1.2 s"), (125_000, "2 min 5 s")] {
            assert_eq!(span_millis(millis), words);
        }
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (count, words) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1023 bytes"),
            (67_108_864, "64 MiB"),
            (1_610_612_736, "1.5 GiB"),
        ] {
            assert_eq!(bytes(count), words);
        }
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(
            count(1, "token") + ", " + &count(2, "exchange"),
            "1 token, 2 exchanges"
        );
    }
}

//! The words of dates and times: months, days of the week, eras and the special values.
//!
//! Abbreviations of time zones are in [`crate::timezone`]; units of intervals are with the intervals.

/// What a word of a date means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// 1..=12
    Month(i64),
    /// A day of the week; it is read and not compared with the date.
    Weekday,
    Am,
    Pm,
    Ad,
    Bc,
    Infinity,
    NegativeInfinity,
    Epoch,
    /// `00:00:00`
    Midnight,
    /// Words without meaning, `at` and `on`.
    Ignored,
    /// `dst` after the name of a zone.
    SummerTime,
    /// `j`, `jd`, `julian`: the next number is a Julian day.
    Julian,
    /// `t`: a time follows.
    Time,
    /// Units and words that need a clock, which no value here may have.
    Refused,
}

/// PostgreSQL compares the first ten characters only.
const LENGTH_MAX: usize = 10;

/// The word, which is in lower case.
pub(super) fn find(word: &str) -> Option<Word> {
    let word = word.get(..LENGTH_MAX).unwrap_or(word);
    Some(match word {
        "jan" | "january" => Word::Month(1),
        "feb" | "february" => Word::Month(2),
        "mar" | "march" => Word::Month(3),
        "apr" | "april" => Word::Month(4),
        "may" => Word::Month(5),
        "jun" | "june" => Word::Month(6),
        "jul" | "july" => Word::Month(7),
        "aug" | "august" => Word::Month(8),
        "sep" | "sept" | "september" => Word::Month(9),
        "oct" | "october" => Word::Month(10),
        "nov" | "november" => Word::Month(11),
        "dec" | "december" => Word::Month(12),
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds" | "wednesday" | "thu" | "thur" | "thurs"
        | "thursday" | "fri" | "friday" | "sat" | "saturday" => Word::Weekday,
        "am" => Word::Am,
        "pm" => Word::Pm,
        "ad" => Word::Ad,
        "bc" => Word::Bc,
        "infinity" | "+infinity" => Word::Infinity,
        "-infinity" => Word::NegativeInfinity,
        "epoch" => Word::Epoch,
        "allballs" => Word::Midnight,
        "at" | "on" => Word::Ignored,
        "dst" => Word::SummerTime,
        "j" | "jd" | "julian" => Word::Julian,
        "t" => Word::Time,
        "now" | "today" | "tomorrow" | "yesterday" | "d" | "dow" | "doy" | "h" | "isodow" | "isoyear" | "m" | "mm" | "s" | "y" => {
            Word::Refused
        }
        _ => return None,
    })
}

//! The value of a field before it is a `numeric` or a `double precision`.

use super::{DAY, Outcome, SECOND, numeric_overflow, pow10, unsupported};

/// Four times the days of a year as intervals count it, 365.25.
const YEAR_DAYS_TIMES_4: i128 = 1_461;
const MONTH_DAYS: i128 = 30;

/// A field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    Whole(i64),
    /// Microseconds within a minute, shown as seconds.
    Seconds(i64),
    /// Microseconds within a minute, shown as milliseconds.
    Milliseconds(i64),
    /// Microseconds, shown as seconds.
    Micros(i128),
    /// A Julian day and microseconds of it.
    Julian {
        day: i64,
        time: i64,
    },
    /// The length of an interval.
    Span {
        years: i64,
        months: i64,
        days: i64,
        time: i64,
    },
    /// A field that grows with time, at infinity (`true`) or -infinity.
    Infinite(bool),
    /// NULL
    Missing,
}

/// The century (length 100) or millennium (1,000) of a year.
pub(super) fn whole_years(year: i64, length: i64) -> i64 {
    if year > 0 { (year + length - 1) / length } else { -((length - 1 - (year - 1)) / length) }
}

/// `value / 10^from` with another number of decimals, rounded half away from zero.
fn rescale(value: i128, from: u32, to: u32) -> Option<i128> {
    if to >= from {
        return value.checked_mul(pow10(to - from)?);
    }
    let unit = pow10(from - to)?;
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    Some(value.checked_add(half)? / unit)
}

impl Part {
    /// As `numeric` with this many decimals; `None` for NULL.
    pub(super) fn numeric(self, scale: u32) -> Outcome<Option<i128>> {
        let value = match self {
            Self::Missing => return Ok(None),
            Self::Infinite(_) => {
                return Err(unsupported("numeric infinity is not supported").hint("Use date_part, which returns double precision."));
            }
            Self::Whole(value) => rescale(value.into(), 0, scale),
            Self::Seconds(micros) => rescale(micros.into(), 6, scale),
            Self::Milliseconds(micros) => rescale(micros.into(), 3, scale),
            Self::Micros(micros) => rescale(micros, 6, scale),
            Self::Julian { day, time } => julian(day, time, scale),
            Self::Span { years, months, days, time } => {
                let days = YEAR_DAYS_TIMES_4 * i128::from(years) + 4 * (MONTH_DAYS * i128::from(months) + i128::from(days));
                rescale(days * i128::from(DAY / 4) + i128::from(time), 6, scale)
            }
        };
        value.map(Some).ok_or_else(numeric_overflow)
    }

    /// As `double precision`, computed in PostgreSQL's steps; `None` for NULL.
    pub(super) fn float(self) -> Option<f64> {
        const SECONDS_PER_DAY: f64 = 86_400.0;
        let second = |micros: i64| (micros / SECOND) as f64;
        let fraction = |micros: i64| (micros % SECOND) as f64;
        Some(match self {
            Self::Missing => return None,
            Self::Infinite(positive) => {
                if positive {
                    f64::INFINITY
                } else {
                    f64::NEG_INFINITY
                }
            }
            Self::Whole(value) => value as f64,
            Self::Seconds(micros) => second(micros) + fraction(micros) / 1e6,
            Self::Milliseconds(micros) => second(micros) * 1e3 + fraction(micros) / 1e3,
            Self::Micros(micros) => micros as f64 / 1e6,
            Self::Julian { day, time } => day as f64 + (second(time) + fraction(time) / 1e6) / SECONDS_PER_DAY,
            Self::Span { years, months, days, time } => {
                let seconds = time as f64 / 1e6 + 365.25 * SECONDS_PER_DAY * years as f64;
                let seconds = seconds + 30.0 * SECONDS_PER_DAY * months as f64;
                seconds + SECONDS_PER_DAY * days as f64
            }
        })
    }
}

fn julian(day: i64, time: i64, scale: u32) -> Option<i128> {
    let unit = pow10(scale)?;
    let fraction = (i128::from(time).checked_mul(unit)? + i128::from(DAY / 2)) / i128::from(DAY);
    i128::from(day).checked_mul(unit)?.checked_add(fraction)
}

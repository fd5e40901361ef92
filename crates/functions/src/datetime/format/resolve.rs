//! The fields read by a template, and the date or timestamp they make together: the second half of `to_date` and
//! `to_timestamp`.

use kura_pgtypes::calendar::{POSTGRES_EPOCH_MICROS, UNIX_EPOCH_JULIAN};
use kura_pgtypes::{SqlError, SqlState};

use super::super::calendar::{self, HOUR, MINUTE, SECOND};
use super::super::clock::Clock;
use super::super::template::{Convention, Item};
use super::read::{binds, conflicting, mixed_conventions};
use crate::failure::Outcome;

/// Hours a zone may be away from Greenwich.
const ZONE_HOURS_MAX: i64 = 15;

/// A field; 0 is not set, as in PostgreSQL.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot(i64);

impl Slot {
    /// Sets the field; 22007 where it has another value already.
    pub(super) fn set(&mut self, value: i64, name: &str) -> Outcome<()> {
        if self.0 != 0 && self.0 != value {
            return Err(conflicting(name));
        }
        self.0 = value;
        Ok(())
    }

    /// From days counted from 0 to days counted from 1.
    pub(super) fn raise(&mut self) {
        self.0 += 1;
    }

    /// From Monday = 1 to Sunday = 1.
    pub(super) fn iso_weekday(&mut self) {
        self.0 = if self.0 >= 7 { 1 } else { self.0 + 1 };
    }

    /// A fraction of this many characters, as one of `digits` digits: `.5` is 500 thousandths.
    pub(super) fn scale(&mut self, digits: usize, length: usize) {
        self.0 *= 10i64.pow(digits.saturating_sub(length.max(1)) as u32);
    }

    /// The year with these last digits that is nearest to 2020.
    pub(super) fn near_2020(&mut self) {
        self.0 += match self.0 {
            year if year < 70 => 2_000,
            year if year < 100 => 1_900,
            year if year < 520 => 2_000,
            year if year < 1_000 => 1_000,
            _ => 0,
        };
    }
}

/// What a text had, by a template.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    convention: Option<Convention>,
    hour: Slot,
    pub(super) twelve_hours: bool,
    pub(super) afternoon: Slot,
    minute: Slot,
    second: Slot,
    seconds_of_day: Slot,
    pub(super) milliseconds: Slot,
    pub(super) microseconds: Slot,
    /// Of `FF1` to `FF6`.
    pub(super) precision: Option<u32>,
    /// Sunday is 1.
    pub(super) weekday: Slot,
    day: Slot,
    day_of_year: Slot,
    pub(super) month: Slot,
    pub(super) year: Slot,
    /// How many digits the template has for the year.
    pub(super) year_digits: u32,
    pub(super) before: Slot,
    week: Slot,
    week_of_month: Slot,
    century: Slot,
    julian: Slot,
    /// 0 where there is no zone.
    pub(super) zone_sign: i64,
    pub(super) zone_hour: Slot,
    zone_minute: Slot,
}

/// A date under construction: which of its fields were given, and their values.
struct Date {
    year: i64,
    month: i64,
    day: i64,
    year_given: bool,
    month_given: bool,
    day_given: bool,
}

impl Date {
    fn set(&mut self, day: i64) {
        let date = calendar::civil(day);
        *self = Self { year: date.year, month: date.month, day: date.day, year_given: true, month_given: true, day_given: true };
    }

    fn is_valid(&self) -> bool {
        let all = self.year_given && self.month_given && self.day_given;
        (!self.month_given || (1..=12).contains(&self.month))
            && (!self.day_given || (1..=31).contains(&self.day))
            && (!all || self.day <= calendar::month_length(self.year, self.month))
    }
}

fn format_error(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

fn field_out_of_range(text: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""))
}

impl Found {
    /// Notes the calendar of a field; 22007 where another one was used before.
    pub(super) fn follow(&mut self, convention: Convention) -> Outcome<()> {
        if !binds(convention) {
            return Ok(());
        }
        if self.convention.is_some_and(|known| known != convention) {
            return Err(mixed_conventions());
        }
        self.convention = Some(convention);
        Ok(())
    }

    /// Where the number of a field is kept. The quarter is not: which of its days is meant nobody knows.
    pub(super) fn slot(&mut self, item: Item) -> Option<&mut Slot> {
        Some(match item {
            Item::Hour12 | Item::Hour24 => &mut self.hour,
            Item::Minute => &mut self.minute,
            Item::Second => &mut self.second,
            Item::SecondsOfDay => &mut self.seconds_of_day,
            Item::Milliseconds => &mut self.milliseconds,
            Item::Microseconds | Item::Fraction(_) => &mut self.microseconds,
            Item::ZoneMinute => &mut self.zone_minute,
            Item::Month => &mut self.month,
            Item::DayOfYear | Item::IsoDayOfYear => &mut self.day_of_year,
            Item::DayOfMonth => &mut self.day,
            Item::DayOfWeek | Item::IsoDayOfWeek => &mut self.weekday,
            Item::Week | Item::IsoWeek => &mut self.week,
            Item::WeekOfMonth => &mut self.week_of_month,
            Item::Century => &mut self.century,
            Item::Julian => &mut self.julian,
            Item::Year(_) | Item::IsoYear(_) => &mut self.year,
            _ => return None,
        })
    }

    /// `to_date`
    pub(super) fn date(&self, text: &str) -> Outcome<i32> {
        // The time is checked although it is not used.
        let (day, _) = self.resolve(text)?;
        calendar::date(Some(day))
            .map_err(|_| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, format!("date out of range: \"{text}\"")))
    }

    /// `to_timestamp`
    pub(super) fn timestamp(&self, text: &str, clock: &mut Clock<'_>) -> Outcome<i64> {
        let (day, time) = self.resolve(text)?;
        let local = calendar::join(day, time)?;
        let stamp = match self.zone(text)? {
            Some(offset) => calendar::timestamp(local.checked_sub(offset))?,
            None => clock.instant(local)?,
        };
        Ok(self.precision.map_or(stamp, |digits| rounded(stamp, digits)))
    }

    fn zone(&self, text: &str) -> Outcome<Option<i64>> {
        if self.zone_sign == 0 {
            return Ok(None);
        }
        let (hours, minutes) = (self.zone_hour.0, self.zone_minute.0);
        if !(0..=ZONE_HOURS_MAX).contains(&hours) || !(0..60).contains(&minutes) {
            return Err(SqlError::new(
                SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                format!("time zone displacement out of range: \"{text}\""),
            ));
        }
        Ok(Some(self.zone_sign * (hours * HOUR + minutes * MINUTE)))
    }

    /// Day and microseconds of the day.
    fn resolve(&self, text: &str) -> Outcome<(i64, i64)> {
        let (hour, minute, second) = self.clock()?;
        let date = self.calendar()?;
        let micros = self.milliseconds.0 * 1_000 + self.microseconds.0;
        let zone_fits = self.zone(text);
        let time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second) && (0..SECOND).contains(&micros);
        if !date.is_valid() || !time {
            return Err(field_out_of_range(text));
        }
        zone_fits?;
        // Years are 32 bits wide, so this is far from overflow.
        let day = calendar::days(date.year, date.month, date.day);
        Ok((day, hour * HOUR + minute * MINUTE + second * SECOND + micros))
    }

    fn clock(&self) -> Outcome<(i64, i64, i64)> {
        let total = self.seconds_of_day.0;
        let or = |slot: Slot, value: i64| if slot.0 != 0 { slot.0 } else { value };
        let mut hour = or(self.hour, total / 3_600);
        let (minute, second) = (or(self.minute, total % 3_600 / 60), or(self.second, total % 60));
        if self.twelve_hours {
            if !(1..=12).contains(&hour) {
                return Err(format_error(format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                    .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.afternoon.0 != 0 { 12 } else { 0 };
        }
        Ok((hour, minute, second))
    }

    /// The year, if the text had one or a century.
    fn year(&self) -> Option<i64> {
        let before = self.before.0 != 0;
        let century = if before { -self.century.0 } else { self.century.0 };
        if self.year.0 == 0 {
            // The first year of the century.
            return (century != 0).then(|| if century >= 0 { (century - 1) * 100 + 1 } else { century * 100 + 1 });
        }
        if century != 0 && self.year_digits <= 2 {
            let year = self.year.0 % 100;
            return Some(match (year != 0, century >= 0) {
                (true, true) => year + (century - 1) * 100,
                (true, false) => (century + 1) * 100 - year + 1,
                (false, true) => century * 100,
                (false, false) => century * 100 + 1,
            });
        }
        let year = if before { -self.year.0 } else { self.year.0 };
        Some(if year < 0 { year + 1 } else { year })
    }

    fn calendar(&self) -> Outcome<Date> {
        let iso = self.convention == Some(Convention::Iso);
        let year = self.year();
        let mut date = Date { year: year.unwrap_or(0), month: 1, day: 1, year_given: year.is_some(), month_given: false, day_given: false };
        if self.julian.0 != 0 {
            date.set(self.julian.0 - UNIX_EPOCH_JULIAN);
        }
        let mut day_of_year = self.day_of_year.0;
        if self.week.0 != 0 && iso {
            let monday = calendar::iso_year_start(date.year) + (self.week.0 - 1) * 7;
            date.set(match self.weekday.0 {
                0 => monday,
                weekday if weekday > 1 => monday + weekday - 2,
                // Sunday ends the week.
                _ => monday + 6,
            });
        } else if self.week.0 != 0 {
            day_of_year = (self.week.0 - 1) * 7 + 1;
        }
        let day = if self.week_of_month.0 != 0 { (self.week_of_month.0 - 1) * 7 + 1 } else { self.day.0 };
        if day != 0 {
            (date.day, date.day_given) = (day, true);
        }
        if self.month.0 != 0 {
            (date.month, date.month_given) = (self.month.0, true);
        }
        if day_of_year != 0 && (date.month <= 1 || date.day <= 1) {
            if date.year == 0 && self.before.0 == 0 {
                return Err(format_error("cannot calculate day of year without year information"));
            }
            if iso {
                date.set(calendar::iso_year_start(date.year) + day_of_year - 1);
            } else {
                from_day_of_year(&mut date, day_of_year);
            }
        }
        Ok(date)
    }
}

/// Fills in the month and the day that are still missing.
fn from_day_of_year(date: &mut Date, day_of_year: i64) {
    let mut before = 0;
    let mut month = 1;
    while month <= 12 && day_of_year > before + calendar::month_length(date.year, month) {
        before += calendar::month_length(date.year, month);
        month += 1;
    }
    if date.month <= 1 {
        date.month = month;
    }
    if date.day <= 1 {
        date.day = day_of_year - before;
    }
    (date.month_given, date.day_given) = (true, true);
}

/// Rounds to digits of fractional seconds, counted from 2000 as PostgreSQL does.
fn rounded(stamp: i64, digits: u32) -> i64 {
    let unit = 10i64.pow(6u32.saturating_sub(digits));
    let distance = stamp.saturating_sub(POSTGRES_EPOCH_MICROS);
    let half = if distance < 0 { -(unit / 2) } else { unit / 2 };
    POSTGRES_EPOCH_MICROS.saturating_add(distance.saturating_add(half) / unit * unit)
}

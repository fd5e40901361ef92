//! `interval` in the four output styles of `IntervalStyle`.
//!
//! Chapter "Interval Output" of the PostgreSQL documentation; signs follow PostgreSQL's `EncodeInterval`.

use arrow::datatypes::IntervalMonthDayNano;
use bytes::BufMut;

use crate::calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::encode::Scratch;
use crate::settings::IntervalStyle;

/// The fields of an interval; each may have its own sign, those of the time share one.
#[derive(Clone, Copy)]
struct Fields {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    micros: i64,
}

impl Fields {
    fn new(value: IntervalMonthDayNano) -> Self {
        let time = value.nanoseconds / 1_000;
        Self {
            years: i64::from(value.months / 12),
            months: i64::from(value.months % 12),
            days: i64::from(value.days),
            hours: time / MICROS_PER_HOUR,
            minutes: time / MICROS_PER_MINUTE % 60,
            seconds: time / MICROS_PER_SECOND % 60,
            micros: time % MICROS_PER_SECOND,
        }
    }

    fn all(&self) -> [i64; 7] {
        [self.years, self.months, self.days, self.hours, self.minutes, self.seconds, self.micros]
    }

    fn has_time(&self) -> bool {
        self.hours != 0 || self.minutes != 0 || self.has_seconds()
    }

    fn has_seconds(&self) -> bool {
        self.seconds != 0 || self.micros != 0
    }

    fn time_is_negative(&self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.seconds < 0 || self.micros < 0
    }

    fn negated(&self) -> Self {
        let [years, months, days, hours, minutes, seconds, micros] = self.all().map(|field| -field);
        Self { years, months, days, hours, minutes, seconds, micros }
    }

    /// `4:05:06.7` with hours of at least `width` digits.
    fn push_clock(&self, width: usize, out: &mut Scratch) {
        out.push_padded(self.hours.unsigned_abs(), width);
        out.push(b':');
        out.push_two(self.minutes.unsigned_abs());
        out.push(b':');
        out.push_two(self.seconds.unsigned_abs());
        out.push_fraction(self.micros.unsigned_abs());
    }

    fn push_seconds(&self, out: &mut Scratch) {
        out.push_padded(self.seconds.unsigned_abs(), 1);
        out.push_fraction(self.micros.unsigned_abs());
    }
}

/// `interval`; nanoseconds below a microsecond are not shown.
pub(crate) fn write_interval<W: BufMut>(value: IntervalMonthDayNano, style: IntervalStyle, out: &mut W) {
    let fields = Fields::new(value);
    let mut scratch = Scratch::new();
    match style {
        IntervalStyle::Postgres => push_postgres(&fields, &mut scratch),
        IntervalStyle::PostgresVerbose => push_verbose(&fields, &mut scratch),
        IntervalStyle::SqlStandard => push_sql_standard(&fields, &mut scratch),
        IntervalStyle::Iso8601 => push_iso(&fields, &mut scratch),
    }
    out.put_slice(scratch.as_slice());
}

fn push_postgres(fields: &Fields, out: &mut Scratch) {
    let mut first = true;
    let mut after_negative = false;
    for (value, unit) in [(fields.years, " year"), (fields.months, " mon"), (fields.days, " day")] {
        if value == 0 {
            continue;
        }
        if !first {
            out.push(b' ');
        }
        if after_negative && value > 0 {
            out.push(b'+');
        }
        out.push_number(value);
        out.push_str(unit);
        if value != 1 {
            out.push(b's');
        }
        after_negative = value < 0;
        first = false;
    }
    if first || fields.has_time() {
        if !first {
            out.push(b' ');
        }
        if fields.time_is_negative() {
            out.push(b'-');
        } else if after_negative {
            out.push(b'+');
        }
        fields.push_clock(2, out);
    }
}

fn push_verbose(fields: &Fields, out: &mut Scratch) {
    out.push(b'@');
    let mut first = true;
    let mut ago = false;
    let parts =
        [(fields.years, " year"), (fields.months, " mon"), (fields.days, " day"), (fields.hours, " hour"), (fields.minutes, " min")];
    for (value, unit) in parts {
        if value == 0 {
            continue;
        }
        ago = if first { value < 0 } else { ago };
        let shown = if ago { -value } else { value };
        out.push(b' ');
        out.push_number(shown);
        out.push_str(unit);
        if shown != 1 {
            out.push(b's');
        }
        first = false;
    }
    if fields.has_seconds() {
        out.push(b' ');
        let negative = fields.seconds < 0 || fields.micros < 0;
        if first {
            ago = negative;
        } else if negative != ago {
            out.push(b'-');
        }
        fields.push_seconds(out);
        out.push_str(if fields.seconds.abs() == 1 && fields.micros == 0 { " sec" } else { " secs" });
        first = false;
    }
    if first {
        out.push_str(" 0");
    }
    if ago {
        out.push_str(" ago");
    }
}

fn push_sql_standard(fields: &Fields, out: &mut Scratch) {
    let negative = fields.all().iter().any(|field| *field < 0);
    let positive = fields.all().iter().any(|field| *field > 0);
    let year_month = fields.years != 0 || fields.months != 0;
    let day_time = fields.days != 0 || fields.has_time();
    if !negative && !positive {
        return out.push(b'0');
    }
    if negative && positive || year_month && day_time {
        // Not a value of the standard: every part carries its sign.
        let sign = |negative| if negative { b'-' } else { b'+' };
        out.push(sign(fields.years < 0 || fields.months < 0));
        out.push_padded(fields.years.unsigned_abs(), 1);
        out.push(b'-');
        out.push_padded(fields.months.unsigned_abs(), 1);
        out.push(b' ');
        out.push(sign(fields.days < 0));
        out.push_padded(fields.days.unsigned_abs(), 1);
        out.push(b' ');
        out.push(sign(fields.time_is_negative()));
        return fields.push_clock(1, out);
    }
    if negative {
        out.push(b'-');
    }
    let fields = if negative { fields.negated() } else { *fields };
    if year_month {
        out.push_number(fields.years);
        out.push(b'-');
        return out.push_number(fields.months);
    }
    if fields.days != 0 {
        out.push_number(fields.days);
        out.push(b' ');
    }
    fields.push_clock(1, out);
}

fn push_iso(fields: &Fields, out: &mut Scratch) {
    if fields.all() == [0; 7] {
        return out.push_str("PT0S");
    }
    let push = |value: i64, unit: u8, out: &mut Scratch| {
        if value != 0 {
            out.push_number(value);
            out.push(unit);
        }
    };
    out.push(b'P');
    push(fields.years, b'Y', out);
    push(fields.months, b'M', out);
    push(fields.days, b'D', out);
    if fields.has_time() {
        out.push(b'T');
        push(fields.hours, b'H', out);
        push(fields.minutes, b'M', out);
        if fields.has_seconds() {
            if fields.seconds < 0 || fields.micros < 0 {
                out.push(b'-');
            }
            fields.push_seconds(out);
            out.push(b'S');
        }
    }
}

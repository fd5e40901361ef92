//! The parts of an interval, and the numbers with units they are added up from.

use super::super::datetime::Fault;
use crate::calendar::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::time_unit::TimeUnit;

/// The parts of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) micros: i64,
}

/// The bit by which a unit is known to be given already.
pub(super) fn bit(unit: TimeUnit) -> u32 {
    1 << (unit as u32)
}

impl Parts {
    pub(super) fn add_micros(&mut self, micros: i64) -> Result<(), Fault> {
        self.micros = self.micros.checked_add(micros).ok_or(Fault::Field)?;
        Ok(())
    }

    fn add_days(&mut self, days: i64) -> Result<(), Fault> {
        self.days = self.days.checked_add(days).filter(|days| i32::try_from(*days).is_ok()).ok_or(Fault::Field)?;
        Ok(())
    }

    fn add_months(&mut self, months: i64) -> Result<(), Fault> {
        self.months = self.months.checked_add(months).filter(|months| i32::try_from(*months).is_ok()).ok_or(Fault::Field)?;
        Ok(())
    }

    /// A fraction of `unit` microseconds, rounded to the nearest one.
    fn add_fraction_micros(&mut self, fraction: f64, unit: i64) -> Result<(), Fault> {
        if fraction == 0.0 {
            return Ok(());
        }
        let value = fraction * unit as f64;
        let whole = value as i64;
        let rest = value - whole as f64;
        let rounding = if rest > 0.5 {
            1
        } else if rest < -0.5 {
            -1
        } else {
            0
        };
        self.add_micros(whole + rounding)
    }

    /// A fraction of `unit` days; what is no whole day becomes time.
    fn add_fraction_days(&mut self, fraction: f64, unit: i64) -> Result<(), Fault> {
        let value = fraction * unit as f64;
        let whole = value as i64;
        self.add_days(whole)?;
        self.add_fraction_micros(value - whole as f64, MICROS_PER_DAY)
    }

    /// Adds a number of a unit and gives the bits of the fields this fills.
    pub(super) fn add(&mut self, unit: TimeUnit, number: Number) -> Result<u32, Fault> {
        let Number { whole, fraction, .. } = number;
        let scaled = |factor: i64| whole.checked_mul(factor).ok_or(Fault::Field);
        let mut bits = bit(unit);
        match unit {
            TimeUnit::Microsecond => {
                self.add_micros(whole)?;
                self.add_fraction_micros(fraction, 1)?;
            }
            TimeUnit::Millisecond => {
                self.add_micros(scaled(1_000)?)?;
                self.add_fraction_micros(fraction, 1_000)?;
            }
            TimeUnit::Second => {
                self.add_micros(scaled(MICROS_PER_SECOND)?)?;
                self.add_fraction_micros(fraction, MICROS_PER_SECOND)?;
                if number.has_fraction {
                    bits |= bit(TimeUnit::Millisecond) | bit(TimeUnit::Microsecond);
                }
            }
            TimeUnit::Minute => {
                self.add_micros(scaled(MICROS_PER_MINUTE)?)?;
                self.add_fraction_micros(fraction, MICROS_PER_MINUTE)?;
            }
            TimeUnit::Hour => {
                self.add_micros(scaled(MICROS_PER_HOUR)?)?;
                self.add_fraction_micros(fraction, MICROS_PER_HOUR)?;
            }
            TimeUnit::Day => {
                self.add_days(whole)?;
                self.add_fraction_micros(fraction, MICROS_PER_DAY)?;
            }
            TimeUnit::Week => {
                self.add_days(scaled(7)?)?;
                self.add_fraction_days(fraction, 7)?;
            }
            TimeUnit::Month => {
                self.add_months(whole)?;
                self.add_fraction_days(fraction, 30)?;
            }
            TimeUnit::Year | TimeUnit::Decade | TimeUnit::Century | TimeUnit::Millennium => {
                let months = match unit {
                    TimeUnit::Decade => 120,
                    TimeUnit::Century => 1_200,
                    TimeUnit::Millennium => 12_000,
                    _ => 12,
                };
                self.add_months(scaled(months)?)?;
                self.add_months((fraction * months as f64).round_ties_even() as i64)?;
            }
        }
        Ok(bits)
    }

    pub(super) fn negated(&self) -> Result<Self, Fault> {
        let micros = self.micros.checked_neg().ok_or(Fault::Field)?;
        Ok(Self { months: -self.months, days: -self.days, micros })
    }
}

/// A number of an interval: whole part and fraction of the same sign.
#[derive(Clone, Copy)]
pub(super) struct Number {
    whole: i64,
    fraction: f64,
    has_fraction: bool,
    /// `years-months`, already in months.
    pub(super) is_year_month: bool,
}

impl Number {
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let negative = text.starts_with('-');
        let digits = text.trim_start_matches(['+', '-']);
        let plain = |digits: &str| {
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Fault::Format);
            }
            let value = digits.parse::<i64>().map_err(|_| Fault::Field)?;
            Ok(if negative { -value } else { value })
        };
        if let Some((years, months)) = digits.split_once('-') {
            let (years, months) = (plain(years)?, plain(months)?);
            if months.abs() >= 12 {
                return Err(Fault::Field);
            }
            let whole = years.checked_mul(12).and_then(|sum| sum.checked_add(months)).ok_or(Fault::Field)?;
            return Ok(Self { whole, fraction: 0.0, has_fraction: false, is_year_month: true });
        }
        let Some((whole, fraction)) = digits.split_once('.') else {
            return Ok(Self { whole: plain(digits)?, fraction: 0.0, has_fraction: false, is_year_month: false });
        };
        let whole = if whole.is_empty() { 0 } else { plain(whole)? };
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let value: f64 = format!("0.{fraction}0").parse().map_err(|_| Fault::Format)?;
        let fraction = if negative { -value } else { value };
        Ok(Self { whole, fraction, has_fraction: value != 0.0, is_year_month: false })
    }

    pub(super) fn made_negative(self) -> Self {
        Self { whole: -self.whole.abs(), fraction: -self.fraction.abs(), ..self }
    }
}

//! A zone's clock for one batch of rows: conversions between instants and what the clock shows, remembered by day.
//!
//! Looking up an offset searches the zone's transitions; most rows of a batch lie on few days, and on most days the
//! offset does not change.

use kura_pgtypes::TimeZone;

use super::calendar::{DAY, SECOND, is_finite};
use crate::failure::{Outcome, timestamp_out_of_range};

const SLOTS: usize = 256;
/// Days from 1970 to 2100: where an offset that is the same at both ends of a day is the same all day.
const REMEMBERED_DAYS: std::ops::Range<i64> = 0..47_482;

/// The clock of a zone. All values in microseconds; infinities stay what they are.
pub(crate) struct Clock<'z> {
    zone: &'z TimeZone,
    fixed: Option<i64>,
    /// Offset by UTC day.
    days: Vec<(i64, i64)>,
    /// Instant by what the clock shows.
    instants: Vec<(i64, i64)>,
}

impl<'z> Clock<'z> {
    pub(crate) fn new(zone: &'z TimeZone) -> Self {
        let fixed = zone.fixed_offset().map(|seconds| i64::from(seconds) * SECOND);
        let slots = if fixed.is_some() { 0 } else { SLOTS };
        // Infinity is no day and is never looked up.
        Self { zone, fixed, days: vec![(i64::MAX, 0); slots], instants: vec![(i64::MAX, 0); slots] }
    }

    /// The offset, where it is the same at all times; east is positive.
    pub(crate) fn fixed(&self) -> Option<i64> {
        self.fixed
    }

    pub(crate) fn zone(&self) -> &'z TimeZone {
        self.zone
    }

    /// The offset at a finite instant.
    pub(crate) fn offset(&mut self, stamp: i64) -> i64 {
        if let Some(offset) = self.fixed {
            return offset;
        }
        let day = stamp.div_euclid(DAY);
        if !REMEMBERED_DAYS.contains(&day) {
            return self.look_up(stamp);
        }
        let slot = day as usize % SLOTS;
        if let Some((known, offset)) = self.days.get(slot)
            && *known == day
        {
            return *offset;
        }
        let (first, last) = (self.look_up(day * DAY), self.look_up(day * DAY + DAY - 1));
        if first != last {
            return self.look_up(stamp);
        }
        if let Some(entry) = self.days.get_mut(slot) {
            *entry = (day, first);
        }
        first
    }

    fn look_up(&self, stamp: i64) -> i64 {
        i64::from(self.zone.offset_at_utc(stamp)) * SECOND
    }

    /// What the clock shows at an instant.
    pub(crate) fn local(&mut self, stamp: i64) -> Outcome<i64> {
        if !is_finite(stamp) {
            return Ok(stamp);
        }
        let offset = self.offset(stamp);
        super::calendar::timestamp(stamp.checked_add(offset))
    }

    /// The instant at which the clock shows this. A time it skips is read with the offset before the change, a time it
    /// shows twice with the offset after it.
    pub(crate) fn instant(&mut self, local: i64) -> Outcome<i64> {
        if !is_finite(local) {
            return Ok(local);
        }
        if let Some(offset) = self.fixed {
            return super::calendar::timestamp(local.checked_sub(offset));
        }
        let slot = ((local / SECOND) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 32 & (SLOTS - 1);
        if let Some((known, instant)) = self.instants.get(slot)
            && *known == local
        {
            return Ok(*instant);
        }
        let instant = self.zone.local_to_utc(local).ok_or_else(timestamp_out_of_range)?;
        if let Some(entry) = self.instants.get_mut(slot) {
            *entry = (local, instant);
        }
        Ok(instant)
    }
}

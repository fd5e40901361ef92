//! Reading a text by a template: the first half of `to_date` and `to_timestamp`.
//!
//! What the fields found mean together is [`super::resolve`]'s.

use kura_pgtypes::{SqlError, SqlState};

use super::super::clock::Clock;
use super::super::template::{Convention, Field, Item, Node, is_separator};
use super::resolve::Found;
use super::{DAYS, MONTHS, ROMAN_MONTHS};
use crate::failure::{Outcome, unsupported};

/// `to_date`, in days since 1970.
pub(super) fn date(text: &str, template: &[Node]) -> Outcome<i32> {
    fields(text, template)?.date(text)
}

/// `to_timestamp`: an instant in microseconds; without a zone in the text it is the clock's.
pub(super) fn timestamp(text: &str, template: &[Node], clock: &mut Clock<'_>) -> Outcome<i64> {
    fields(text, template)?.timestamp(text, clock)
}

fn format_error(message: String) -> SqlError {
    SqlError::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// The position in the text.
struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    /// Characters skipped beyond what the template asked for.
    extra: i64,
    /// `FX`
    fixed: bool,
}

impl Reader<'_> {
    fn next(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    fn skip_spaces(&mut self) {
        while self.next().is_some_and(is_space) {
            self.skip();
            self.extra += 1;
        }
    }

    /// The character before the position.
    fn previous(&self) -> Option<char> {
        self.text.get(..self.text.len() - self.rest.len())?.chars().next_back()
    }
}

fn fields(text: &str, template: &[Node]) -> Outcome<Found> {
    let mut found = Found::default();
    let mut reader = Reader { text, rest: text, extra: 0, fixed: false };
    for (index, node) in template.iter().enumerate() {
        if reader.rest.is_empty() {
            break;
        }
        let sets_fixed = matches!(node, Node::Field(field) if field.keyword.item == Item::Fixed);
        if !reader.fixed && !sets_fixed && (matches!(node, Node::Field(_)) || index == 0) {
            reader.skip_spaces();
        }
        match node {
            Node::Space(_) | Node::Separator(_) if reader.fixed => reader.skip(),
            // One in the template stands for one in the text, or for none.
            Node::Space(_) | Node::Separator(_) => {
                reader.extra -= 1;
                if reader.next().is_some_and(|c| is_space(c) || is_separator(c)) {
                    reader.skip();
                    reader.extra += 1;
                }
            }
            Node::Literal(_) if !reader.fixed && reader.extra > 0 => reader.extra -= 1,
            Node::Literal(_) => reader.skip(),
            Node::Field(field) => {
                read_field(*field, template.get(index + 1), &mut reader, &mut found)?;
                if !reader.fixed {
                    reader.extra = 0;
                    reader.skip_spaces();
                }
            }
        }
    }
    Ok(found)
}

/// Whether a number ends where the digits end, because no digits of another field can follow.
fn ends_freely(field: Field, next: Option<&Node>) -> bool {
    if field.fill || field.ordinal.is_some() {
        return true;
    }
    match next {
        Some(Node::Field(next)) => !next.keyword.digits,
        Some(Node::Literal(c) | Node::Separator(c) | Node::Space(c)) => !c.is_ascii_digit(),
        None => true,
    }
}

fn read_field(field: Field, next: Option<&Node>, reader: &mut Reader<'_>, found: &mut Found) -> Outcome<()> {
    let keyword = field.keyword;
    let name = keyword.name;
    found.follow(keyword.convention)?;
    match keyword.item {
        Item::Fixed => reader.fixed = true,
        Item::ZoneName | Item::Offset => {
            return Err(unsupported(format!("formatting field \"{name}\" is only supported in to_char")));
        }
        Item::Meridiem { dots } => {
            found.afternoon.set(word(field, if dots { &["a.m.", "p.m."] } else { &["am", "pm"] }, reader)?, name)?;
            found.twelve_hours = true;
        }
        Item::Era { dots } => {
            found.before.set(word(field, if dots { &["a.d.", "b.c."] } else { &["ad", "bc"] }, reader)?, name)?;
        }
        Item::MonthName => found.month.set(word(field, &MONTHS, reader)? + 1, name)?,
        Item::MonthAbbreviation => found.month.set(word(field, &abbreviated(&MONTHS), reader)? + 1, name)?,
        Item::RomanMonth => found.month.set(12 - word(field, &ROMAN_MONTHS, reader)?, name)?,
        Item::DayName | Item::DayAbbreviation => {
            let day = if keyword.item == Item::DayName { word(field, &DAYS, reader)? } else { word(field, &abbreviated(&DAYS), reader)? };
            found.weekday.set(day, name)?;
            found.weekday.raise();
        }
        Item::YearWithComma => {
            found.year.set(year_with_comma(reader)?, name)?;
            found.year_digits = 4;
        }
        Item::ZoneHour => {
            found.zone_sign = zone_sign(reader);
            found.zone_hour.set(integer(field, next, 2, reader)?.0, name)?;
        }
        item => {
            let (value, length) = integer(field, next, width(field), reader)?;
            if let Some(slot) = found.slot(item) {
                slot.set(value, name)?;
            }
            adjust(item, length, found);
        }
    }
    if field.ordinal.is_some() && keyword.digits && keyword.item != Item::ZoneMinute {
        reader.skip();
        reader.skip();
    }
    Ok(())
}

/// The characters a number has where digits of another field follow.
fn width(field: Field) -> usize {
    match field.keyword.item {
        Item::Hour12 | Item::Hour24 | Item::ZoneMinute => 2,
        Item::Milliseconds | Item::IsoDayOfYear => 3,
        Item::Microseconds => 6,
        Item::Fraction(digits) => digits as usize,
        Item::IsoDayOfWeek => 1,
        _ => field.keyword.name.len(),
    }
}

/// What a number of this many characters means beyond its value.
fn adjust(item: Item, length: usize, found: &mut Found) {
    match item {
        Item::Hour12 => found.twelve_hours = true,
        Item::Milliseconds => found.milliseconds.scale(3, length),
        Item::Microseconds => found.microseconds.scale(6, length),
        Item::Fraction(digits) => {
            found.precision = Some(digits);
            found.microseconds.scale(6, length);
        }
        Item::ZoneMinute if found.zone_sign == 0 => found.zone_sign = 1,
        Item::IsoDayOfWeek => found.weekday.iso_weekday(),
        Item::Year(digits) | Item::IsoYear(digits) => {
            if digits < 4 && length < 4 {
                found.year.near_2020();
            }
            found.year_digits = digits;
        }
        _ => {}
    }
}

/// The first three letters of names.
fn abbreviated<const N: usize>(names: &[&'static str; N]) -> [&'static str; N] {
    names.map(|name| name.get(..3).unwrap_or(name))
}

/// The place of the word that the text goes on with, in any case.
fn word(field: Field, words: &[&str], reader: &mut Reader<'_>) -> Outcome<i64> {
    let rest = reader.rest;
    let hit = words.iter().position(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
    let Some(place) = hit else {
        let shown = rest.split(|c: char| is_space(c)).next().unwrap_or_default();
        return Err(format_error(format!("invalid value \"{shown}\" for \"{}\"", field.keyword.name))
            .detail("The given value did not match any of the allowed values for this field."));
    };
    let length = words.get(place).map_or(0, |word| word.len());
    reader.rest = rest.get(length..).unwrap_or_default();
    Ok(place as i64)
}

/// A number as C's `strtol` reads it: white space, a sign, digits. Gives the bytes read; 0 for none.
fn leading_integer(text: &str) -> (i128, usize) {
    let trimmed = text.trim_start_matches(is_space);
    let (negative, digits) = match trimmed.split_at_checked(1) {
        Some(("-", digits)) => (true, digits),
        Some(("+", digits)) => (false, digits),
        _ => (false, trimmed),
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return (0, 0);
    }
    // Saturates far beyond every range that is checked later.
    let value = digits.bytes().take(length).fold(0i128, |value, digit| (value * 10 + i128::from(digit - b'0')).min(i128::from(i64::MAX)));
    (if negative { -value } else { value }, text.len() - digits.len() + length)
}

/// A number of up to `length` characters, or of any number of digits where the field ends freely. Gives the value and
/// the characters read.
fn integer(field: Field, next: Option<&Node>, length: usize, reader: &mut Reader<'_>) -> Outcome<(i64, usize)> {
    let name = field.keyword.name;
    let start = reader.rest;
    let rest = start.trim_start_matches(is_space);
    let copy = prefix(rest, length);
    let (value, end) = if ends_freely(field, next) {
        let (value, read) = leading_integer(rest);
        (value, rest.get(read..).unwrap_or_default())
    } else {
        const HINT: &str = "If your source string is not fixed-width, try using the \"FM\" modifier.";
        if rest.len() < length {
            return Err(format_error(format!("source string too short for \"{name}\" formatting field"))
                .detail(format!("Field requires {length} characters, but only {} remain.", rest.len()))
                .hint(HINT));
        }
        let (value, read) = leading_integer(copy);
        if read > 0 && read < length {
            return Err(format_error(format!("invalid value \"{copy}\" for \"{name}\""))
                .detail(format!("Field requires {length} characters, but only {read} could be parsed."))
                .hint(HINT));
        }
        (value, rest.get(read..).unwrap_or_default())
    };
    if end.len() == rest.len() {
        return Err(format_error(format!("invalid value \"{copy}\" for \"{name}\"")).detail("Value must be an integer."));
    }
    let value = i32::try_from(value).map_err(|_| {
        SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, format!("value for \"{name}\" in source string is out of range"))
            .detail(format!("Value must be in the range {} to {}.", i32::MIN, i32::MAX))
    })?;
    reader.rest = end;
    Ok((value.into(), start.len() - end.len()))
}

/// The first bytes of a text, without cutting a character.
fn prefix(text: &str, mut length: usize) -> &str {
    length = length.min(text.len());
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    text.get(..length).unwrap_or_default()
}

/// The sign before `TZH`. A minus may have been taken for a separator already.
fn zone_sign(reader: &mut Reader<'_>) -> i64 {
    match reader.next() {
        Some(c @ ('+' | '-' | ' ')) => {
            reader.skip();
            if c == '-' { -1 } else { 1 }
        }
        _ if reader.extra > 0 && reader.previous() == Some('-') => -1,
        _ => 1,
    }
}

/// `Y,YYY`
fn year_with_comma(reader: &mut Reader<'_>) -> Outcome<i64> {
    let invalid = || format_error("invalid input string for \"Y,YYY\"".to_owned());
    let (thousands, read) = leading_integer(reader.rest);
    let rest = reader.rest.get(read..).and_then(|rest| rest.strip_prefix(',')).ok_or_else(invalid)?;
    let (years, length) = leading_integer(prefix(rest, 3));
    if read == 0 || length == 0 {
        return Err(invalid());
    }
    reader.rest = rest.get(length..).unwrap_or_default();
    let year = thousands.checked_mul(1_000).and_then(|year| year.checked_add(years)).ok_or_else(invalid)?;
    i32::try_from(year)
        .map(i64::from)
        .map_err(|_| SqlError::new(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "value for \"Y,YYY\" in source string is out of range"))
}

/// Keeps the conventions apart.
pub(super) fn mixed_conventions() -> SqlError {
    format_error("invalid combination of date conventions".to_owned())
        .hint("Do not mix Gregorian and ISO week date conventions in a formatting template.")
}

/// 22007: a field was given twice, with two values.
pub(super) fn conflicting(name: &str) -> SqlError {
    format_error(format!("conflicting values for \"{name}\" field in formatting string"))
        .detail("This value contradicts a previous setting for the same field type.")
}

/// Whether a convention says anything.
pub(super) fn binds(convention: Convention) -> bool {
    convention != Convention::Any
}

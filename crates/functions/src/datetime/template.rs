//! The templates of `to_char`, `to_date` and `to_timestamp` for dates: from `'YYYY-MM-DD'` to a list of nodes.

/// What a field of a template stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `AD`, `BC`; with dots or without.
    Era {
        dots: bool,
    },
    /// `AM`, `PM`; with dots or without.
    Meridiem {
        dots: bool,
    },
    Century,
    DayName,
    DayAbbreviation,
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    /// `FF1` to `FF6`
    Fraction(u32),
    /// `FX`: fixed positions from here on.
    Fixed,
    Hour24,
    Hour12,
    IsoWeek,
    /// The last digits of the ISO year.
    IsoYear(u32),
    Julian,
    Minute,
    Month,
    MonthName,
    MonthAbbreviation,
    Milliseconds,
    Offset,
    Quarter,
    RomanMonth,
    SecondsOfDay,
    Second,
    ZoneHour,
    ZoneMinute,
    ZoneName,
    Microseconds,
    Week,
    WeekOfMonth,
    /// `Y,YYY`
    YearWithComma,
    /// The last digits of the year.
    Year(u32),
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Capital,
    Lower,
}

/// The calendar a field belongs to; a template read from text must not mix them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Convention {
    Any,
    Gregorian,
    Iso,
}

/// A field of a template as it is spelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) item: Item,
    pub(super) case: Case,
    /// Whether its value is written in digits.
    pub(super) digits: bool,
    pub(super) convention: Convention,
}

/// One piece of a template.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Field(Field),
    /// A character that stands for itself.
    Literal(char),
    /// Punctuation outside quotes.
    Separator(char),
    /// White space outside quotes.
    Space(char),
}

/// A field and its modifiers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) keyword: &'static Keyword,
    /// `FM`: no padding.
    pub(super) fill: bool,
    /// `TM`: names in the language of the session, without padding.
    pub(super) translated: bool,
    /// `TH` or `th`: the ending of an ordinal number.
    pub(super) ordinal: Option<Case>,
}

const fn keyword(name: &'static str, item: Item, case: Case, digits: bool, convention: Convention) -> Keyword {
    Keyword { name, item, case, digits, convention }
}

/// Both spellings of a field whose value does not depend on them.
macro_rules! number {
    ($upper:literal, $lower:literal, $item:expr, $convention:ident) => {
        [
            keyword($upper, $item, Case::Upper, true, Convention::$convention),
            keyword($lower, $item, Case::Lower, true, Convention::$convention),
        ]
    };
}

macro_rules! word {
    ($upper:literal, $lower:literal, $item:expr, $convention:ident) => {
        [
            keyword($upper, $item, Case::Upper, false, Convention::$convention),
            keyword($lower, $item, Case::Lower, false, Convention::$convention),
        ]
    };
}

/// Where one name begins another, the longer one comes first.
static KEYWORDS: &[[Keyword; 2]] = &[
    word!("A.D.", "a.d.", Item::Era { dots: true }, Any),
    word!("A.M.", "a.m.", Item::Meridiem { dots: true }, Any),
    word!("AD", "ad", Item::Era { dots: false }, Any),
    word!("AM", "am", Item::Meridiem { dots: false }, Any),
    word!("B.C.", "b.c.", Item::Era { dots: true }, Any),
    word!("BC", "bc", Item::Era { dots: false }, Any),
    number!("CC", "cc", Item::Century, Any),
    word!("DAY", "day", Item::DayName, Any),
    number!("DDD", "ddd", Item::DayOfYear, Gregorian),
    number!("DD", "dd", Item::DayOfMonth, Gregorian),
    word!("DY", "dy", Item::DayAbbreviation, Any),
    [
        keyword("Day", Item::DayName, Case::Capital, false, Convention::Any),
        keyword("Dy", Item::DayAbbreviation, Case::Capital, false, Convention::Any),
    ],
    number!("D", "d", Item::DayOfWeek, Gregorian),
    number!("FF1", "ff1", Item::Fraction(1), Any),
    number!("FF2", "ff2", Item::Fraction(2), Any),
    number!("FF3", "ff3", Item::Fraction(3), Any),
    number!("FF4", "ff4", Item::Fraction(4), Any),
    number!("FF5", "ff5", Item::Fraction(5), Any),
    number!("FF6", "ff6", Item::Fraction(6), Any),
    word!("FX", "fx", Item::Fixed, Any),
    number!("HH24", "hh24", Item::Hour24, Any),
    number!("HH12", "hh12", Item::Hour12, Any),
    number!("HH", "hh", Item::Hour12, Any),
    number!("IDDD", "iddd", Item::IsoDayOfYear, Iso),
    number!("ID", "id", Item::IsoDayOfWeek, Iso),
    number!("IW", "iw", Item::IsoWeek, Iso),
    number!("IYYY", "iyyy", Item::IsoYear(4), Iso),
    number!("IYY", "iyy", Item::IsoYear(3), Iso),
    number!("IY", "iy", Item::IsoYear(2), Iso),
    number!("I", "i", Item::IsoYear(1), Iso),
    number!("J", "j", Item::Julian, Any),
    number!("MI", "mi", Item::Minute, Any),
    number!("MM", "mm", Item::Month, Gregorian),
    word!("MONTH", "month", Item::MonthName, Gregorian),
    word!("MON", "mon", Item::MonthAbbreviation, Gregorian),
    number!("MS", "ms", Item::Milliseconds, Any),
    [
        keyword("Month", Item::MonthName, Case::Capital, false, Convention::Gregorian),
        keyword("Mon", Item::MonthAbbreviation, Case::Capital, false, Convention::Gregorian),
    ],
    word!("OF", "of", Item::Offset, Any),
    word!("P.M.", "p.m.", Item::Meridiem { dots: true }, Any),
    word!("PM", "pm", Item::Meridiem { dots: false }, Any),
    number!("Q", "q", Item::Quarter, Any),
    word!("RM", "rm", Item::RomanMonth, Gregorian),
    number!("SSSSS", "sssss", Item::SecondsOfDay, Any),
    number!("SSSS", "ssss", Item::SecondsOfDay, Any),
    number!("SS", "ss", Item::Second, Any),
    word!("TZH", "tzh", Item::ZoneHour, Any),
    number!("TZM", "tzm", Item::ZoneMinute, Any),
    word!("TZ", "tz", Item::ZoneName, Any),
    number!("US", "us", Item::Microseconds, Any),
    number!("WW", "ww", Item::Week, Gregorian),
    number!("W", "w", Item::WeekOfMonth, Gregorian),
    number!("Y,YYY", "y,yyy", Item::YearWithComma, Gregorian),
    number!("YYYY", "yyyy", Item::Year(4), Gregorian),
    number!("YYY", "yyy", Item::Year(3), Gregorian),
    number!("YY", "yy", Item::Year(2), Gregorian),
    number!("Y", "y", Item::Year(1), Gregorian),
];

/// Whether a character is punctuation that separates fields.
pub(super) fn is_separator(c: char) -> bool {
    c.is_ascii_punctuation()
}

/// Reads a template. Every text is one.
pub(super) fn parse(template: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let (mut fill, mut translated) = (false, false);
        if let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            (fill, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("TM").or_else(|| rest.strip_prefix("tm")) {
            (translated, rest) = (true, after);
        }
        let found = KEYWORDS.iter().flatten().find(|keyword| rest.starts_with(keyword.name));
        if let Some(keyword) = found {
            rest = rest.get(keyword.name.len()..).unwrap_or_default();
            let mut ordinal = None;
            for (suffix, case) in [("TH", Some(Case::Upper)), ("th", Some(Case::Lower)), ("SP", None)] {
                if let Some(after) = rest.strip_prefix(suffix) {
                    (ordinal, rest) = (case, after);
                    break;
                }
            }
            nodes.push(Node::Field(Field { keyword, fill, translated, ordinal }));
        } else {
            rest = character(rest, &mut nodes);
        }
    }
    nodes
}

/// Reads a quoted text or one character.
fn character<'a>(text: &'a str, nodes: &mut Vec<Node>) -> &'a str {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return text;
    };
    if first == '"' {
        while let Some(c) = characters.next() {
            match c {
                '"' => break,
                // A backslash quotes the next character, if there is one.
                '\\' => nodes.push(Node::Literal(characters.next().unwrap_or('\\'))),
                c => nodes.push(Node::Literal(c)),
            }
        }
        return characters.as_str();
    }
    // Outside quotes a backslash only quotes a quote.
    if first == '\\' && characters.as_str().starts_with('"') {
        nodes.push(Node::Separator('"'));
        return characters.as_str().get(1..).unwrap_or_default();
    }
    nodes.push(match first {
        c if is_separator(c) => Node::Separator(c),
        c if c.is_ascii_whitespace() || c == '\x0b' => Node::Space(c),
        c => Node::Literal(c),
    });
    characters.as_str()
}

//! Expected values come from a PostgreSQL 15 server.

use super::*;

fn micros(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    (days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60) * MICROS_PER_SECOND
}

fn zone(name: &str) -> TimeZone {
    TimeZone::from_name(name).expect("a zone")
}

#[test]
fn names_of_the_setting() {
    let cases = [
        ("+09", "<+09>-09", 9 * 3600),
        ("9", "<+09>-09", 9 * 3600),
        ("5.5", "<+05:30>-05:30", 19_800),
        ("-3.25", "<-03:15>+03:15", -11_700),
        ("0", "<+00>-00", 0),
        ("+09:00", "+09:00", -9 * 3600),
        ("jst-9", "JST-9", 9 * 3600),
        ("<+09>-09", "<+09>-09", 9 * 3600),
        ("UTC+3", "UTC+3", -3 * 3600),
        ("Etc/GMT+5", "Etc/GMT+5", -5 * 3600),
        ("asia/tokyo", "Asia/Tokyo", 9 * 3600),
        ("utc", "UTC", 0),
        ("zulu", "Zulu", 0),
        ("EST", "EST", -5 * 3600),
    ];
    for (name, shown, offset) in cases {
        let zone = zone(name);
        assert_eq!(zone.name(), shown);
        assert_eq!(zone.offset_at_utc(micros(2024, 1, 1, 0, 0)), offset, "{name}");
    }
    for name in ["JST", "Z", "", "X", "default", "No/Where"] {
        let error = TimeZone::from_name(name).expect_err("not a zone");
        assert_eq!(error.state, SqlState::INVALID_PARAMETER_VALUE);
        assert_eq!(error.message, format!("invalid value for parameter \"TimeZone\": \"{name}\""));
    }
    assert_eq!(TimeZone::from_name("+200").expect_err("too far").detail.as_deref(), Some("UTC timezone offset is out of range."));
}

#[test]
fn zones_of_expressions() {
    for (name, offset) in [("JST", 32_400), ("+09", -32_400), ("jst-9", 32_400), ("MSK", 10_800), ("z", 0)] {
        let zone = TimeZone::from_expression(name).expect("a zone");
        assert_eq!(zone.offset_at_utc(micros(2024, 1, 1, 0, 0)), offset, "{name}");
    }
    assert_eq!(TimeZone::from_expression("nozone").expect_err("none").message, "time zone \"nozone\" not recognized");
}

#[test]
fn skipped_and_repeated_hours() {
    let berlin = zone("Europe/Berlin");
    assert_eq!(berlin.offset_at_local(micros(2024, 3, 31, 2, 30)), 3600);
    assert_eq!(berlin.offset_at_local(micros(2024, 10, 27, 2, 30)), 3600);
    assert_eq!(berlin.offset_at_local(micros(2024, 10, 27, 1, 59)), 7200);
    let new_york = zone("America/New_York");
    assert_eq!(new_york.offset_at_local(micros(2024, 3, 10, 2, 30)), -18_000);
    assert_eq!(new_york.offset_at_local(micros(2024, 11, 3, 1, 30)), -18_000);
}

#[test]
fn beyond_the_tables() {
    let new_york = zone("America/New_York");
    assert_eq!(new_york.offset_at_utc(micros(2150, 7, 1, 0, 0)), -14_400);
    assert_eq!(new_york.offset_at_utc(micros(2150, 1, 1, 0, 0)), -18_000);
    assert_eq!(new_york.offset_at_utc(micros(294_000, 7, 1, 0, 0)), -14_400);
    assert_eq!(zone("Europe/Berlin").offset_at_utc(micros(-4000, 7, 1, 0, 0)), 3208);
    assert_eq!(zone("Asia/Tokyo").offset_at_utc(micros(1800, 1, 1, 0, 0)), 33_539);
    assert_eq!(new_york.utc_to_local(TIMESTAMP_INFINITY), Some(TIMESTAMP_INFINITY));
    assert_eq!(new_york.utc_to_local(TIMESTAMP_MIN), None);
}

#[test]
fn abbreviations_in_output() {
    assert_eq!(zone("Europe/Berlin").abbreviation_at_utc(micros(2024, 7, 1, 0, 0)), "CEST");
    assert_eq!(zone("UTC").abbreviation_at_utc(0), "UTC");
    assert_eq!(zone("9").abbreviation_at_utc(0), "+09");
    assert_eq!(zone("Asia/Tehran").abbreviation_at_utc(micros(2024, 7, 1, 0, 0)), "+0330");
    assert_eq!(zone("JST-9").abbreviation_at_utc(0), "JST");
    assert_eq!(zone("America/Sao_Paulo").abbreviation_at_utc(micros(2024, 7, 1, 0, 0)), "-03");
}

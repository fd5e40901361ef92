//! Settings as a client sees them.

use super::*;

fn fresh() -> Settings {
    Settings::new("kura", true)
}

fn set(settings: &mut Settings, name: &str, text: &str) -> Result<String, String> {
    settings.set(name, &[text.to_owned()], false).map_err(|error| format!("{}: {}", error.state.code(), error.message))
}

#[test]
fn unknown_names_and_facts_are_refused() {
    let mut settings = fresh();
    assert_eq!(set(&mut settings, "work_mem", "4MB"), Err("42704: unrecognized configuration parameter \"work_mem\"".to_owned()));
    assert_eq!(set(&mut settings, "server_version", "9"), Err("55P02: parameter \"server_version\" cannot be changed".to_owned()));
    assert!(settings.require("nonsense").is_err());
}

#[test]
fn values_in_postgres_words() {
    let mut settings = fresh();
    let cases: &[(&str, &str, Result<&str, &str>)] = &[
        ("statement_timeout", "5min", Ok("5min")),
        ("statement_timeout", "1500", Ok("1500ms")),
        ("statement_timeout", "90s", Ok("90s")),
        ("statement_timeout", "-1", Err("22023: -1 ms is outside the valid range for parameter \"statement_timeout\" (0 .. 2147483647)")),
        ("statement_timeout", "5 parsecs", Err("22023: invalid value for parameter \"statement_timeout\": \"5 parsecs\"")),
        ("extra_float_digits", "3", Ok("3")),
        ("extra_float_digits", "9", Err("22023: 9 is outside the valid range for parameter \"extra_float_digits\" (-15 .. 3)")),
        ("default_transaction_read_only", "t", Ok("on")),
        ("default_transaction_read_only", "maybe", Err("22023: parameter \"default_transaction_read_only\" requires a Boolean value")),
        ("bytea_output", "HEX", Ok("hex")),
        ("bytea_output", "base64", Err("22023: invalid value for parameter \"bytea_output\": \"base64\"")),
        ("standard_conforming_strings", "true", Ok("on")),
        ("standard_conforming_strings", "off", Err("22023: invalid value for parameter \"standard_conforming_strings\": \"off\"")),
        ("client_encoding", "utf-8", Ok("UTF8")),
        ("client_encoding", "unicode", Ok("UTF8")),
        ("client_encoding", "LATIN1", Err("0A000: conversion between LATIN1 and UTF8 is not supported")),
        ("client_encoding", "klingon", Err("22023: invalid value for parameter \"client_encoding\": \"klingon\"")),
        ("datestyle", "dmy", Ok("ISO, DMY")),
        ("datestyle", "SQL", Ok("SQL, DMY")),
        ("datestyle", "iso, mdy", Ok("ISO, MDY")),
        ("datestyle", "iso, sql", Err("22023: invalid value for parameter \"DateStyle\": \"iso, sql\"")),
        ("timezone", "Asia/Tokyo", Ok("Asia/Tokyo")),
        ("timezone", "Mars/Olympus", Err("22023: invalid value for parameter \"TimeZone\": \"Mars/Olympus\"")),
        ("default_transaction_isolation", "serializable", Ok("serializable")),
    ];
    for (name, text, expected) in cases {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(set(&mut settings, name, text), expected, "{name} = {text}");
    }
}

#[test]
fn search_path_is_a_list() {
    let mut settings = fresh();
    assert_eq!(settings.search_path("ana"), ["ana", "public"]);
    settings.set("search_path", &["demo".to_owned(), "My Schema".to_owned()], false).expect("two names");
    assert_eq!(settings.show("search_path").as_deref(), Some("demo, \"My Schema\""));
    assert_eq!(settings.search_path("ana"), ["demo", "My Schema"]);
    settings.set_text("search_path", "A, \"b\"", false).expect("one text with a list");
    assert_eq!(settings.search_path("ana"), ["a", "b"]);
    settings.set_text("search_path", "", false).expect("an empty list");
    assert_eq!(settings.search_path("ana"), Vec::<String>::new());
}

#[test]
fn local_ends_with_the_transaction_and_rollback_undoes_all() {
    let mut settings = fresh();
    settings.begin();
    settings.set("TimeZone", &["Asia/Tokyo".to_owned()], true).expect("a zone");
    settings.set("extra_float_digits", &["0".to_owned()], false).expect("a number");
    settings.commit();
    assert_eq!(settings.show("timezone").as_deref(), Some("UTC"));
    assert_eq!(settings.show("extra_float_digits").as_deref(), Some("0"));
    settings.begin();
    settings.set("extra_float_digits", &["2".to_owned()], false).expect("a number");
    settings.set("my.own", &["x".to_owned()], false).expect("a custom name");
    settings.rollback();
    assert_eq!(settings.show("extra_float_digits").as_deref(), Some("0"));
    assert_eq!(settings.show("my.own"), None);
}

#[test]
fn a_savepoint_is_returned_to() {
    let mut settings = fresh();
    settings.begin();
    settings.set("TimeZone", &["Asia/Tokyo".to_owned()], true).expect("a zone");
    let layers = settings.layers();
    settings.set("TimeZone", &["Europe/Berlin".to_owned()], false).expect("a zone");
    settings.set("my.own", &["x".to_owned()], false).expect("a custom name");
    settings.restore(&layers);
    assert_eq!(settings.show("timezone").as_deref(), Some("Asia/Tokyo"));
    assert_eq!(settings.output().timezone.name(), "Asia/Tokyo");
    assert_eq!(settings.show("my.own"), None);
    settings.commit();
    assert_eq!(settings.show("timezone").as_deref(), Some("UTC"));
}

#[test]
fn only_reported_changes_are_reported_once() {
    let mut settings = fresh();
    let at_login = settings.take_reported();
    assert!(at_login.contains(&("server_version", SERVER_VERSION.to_owned())));
    set(&mut settings, "timezone", "Asia/Tokyo").expect("a zone");
    set(&mut settings, "extra_float_digits", "0").expect("a number");
    assert_eq!(settings.take_changes(), [("TimeZone", "Asia/Tokyo".to_owned())]);
    assert!(settings.take_changes().is_empty());
}

#[test]
fn characteristics_follow_the_defaults() {
    let mut settings = fresh();
    set(&mut settings, "default_transaction_read_only", "on").expect("a Boolean");
    assert!(settings.is_on("transaction_read_only"));
    settings.begin();
    settings.set("transaction_read_only", &["off".to_owned()], true).expect("a Boolean");
    assert!(!settings.is_on("transaction_read_only"));
    settings.commit();
    assert!(settings.is_on("transaction_read_only"));
}

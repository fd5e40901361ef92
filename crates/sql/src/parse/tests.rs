//! What the parser accepts, refuses and where it says so.

use super::*;

fn kinds(text: &str) -> Vec<String> {
    parse(text).expect("parses").iter().map(|p| format!("{:?}", p.kind)).collect()
}

fn failure(text: &str) -> (String, String, Option<usize>) {
    let error = parse(text).expect_err("must fail").into_sql();
    (error.state.0.to_owned(), error.message, error.position)
}

#[test]
fn splits_and_keeps_each_text() {
    let statements = parse("select 1 ; ; -- nothing\n select 'a;b' as \"x;y\";").expect("parses");
    let texts: Vec<&str> = statements.iter().map(|p| &*p.text).collect();
    assert_eq!(texts, ["select 1", "select 'a;b' as \"x;y\""]);
    assert_eq!(statements[1].offset, 25);
    assert!(parse(" ; /* empty */ ;").expect("parses").is_empty());
}

#[test]
fn errors_name_the_token_and_its_place() {
    assert_eq!(failure("selec 1"), ("42601".into(), "syntax error at or near \"selec\"".into(), Some(1)));
    assert_eq!(failure("select 1 from"), ("42601".into(), "syntax error at end of input".into(), None));
    assert_eq!(failure("select 1; select * fro t").2, Some(20));
    assert_eq!(failure("select 'abc").1, "unterminated quoted string at or near \"'abc\"");
}

#[test]
fn session_commands() {
    assert_eq!(
        kinds("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        ["Session(Begin(TransactionModes { isolation: Some(\"repeatable read\"), read_only: Some(true), deferrable: None }))"]
    );
    assert_eq!(
        kinds("SET search_path TO a, \"B\""),
        ["Session(Set { name: \"search_path\", value: Values([\"a\", \"B\"]), local: false })"]
    );
    assert_eq!(
        kinds("set local time zone 'Asia/Tokyo'"),
        ["Session(Set { name: \"timezone\", value: Values([\"Asia/Tokyo\"]), local: true })"]
    );
    assert_eq!(kinds("SHOW TRANSACTION ISOLATION LEVEL"), ["Session(Show(\"transaction_isolation\"))"]);
    assert_eq!(kinds("select 1; create schema s"), ["Query", "Utility"]);
}

#[test]
fn chains_and_nesting_are_bounded() {
    let sum = format!("select {}", vec!["1"; 20_000].join("+"));
    assert_eq!(failure(&sum).0, "54001");
    let ors = format!("select 1 where {}", vec!["1=2"; 10_000].join(" or "));
    assert!(parse(&ors).is_ok() || failure(&ors).0 == "54001");
    let parens = format!("select {}1{}", "(".repeat(100), ")".repeat(100));
    assert!(parse(&parens).is_ok());
    let deep = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(failure(&deep).0, "54001");
}

#[test]
fn partitioned_by_is_cut_out() {
    let parsed = parse("create table t (a int, b int) partitioned by (a, month(b))").expect("parses");
    let Ast::CreateTable(table, extras) = &*parsed[0].ast else { unreachable!("a CREATE TABLE") };
    assert_eq!((table.columns.len(), extras.partition.len()), (2, 2));
}

//! Reading and recording schedules.

use super::*;

const FILE: &str = "# Two updates of one row, one of another.

setup: create table t (k int,
       v int)

s1: begin
< BEGIN
s1: copy t from stdin
> 1\t10
> # no comment
< COPY 2

s2: update t set v = 1
    where k = 1
< waits
s3: update t set v = 2 where k = 2
< UPDATE 1
kura < waits
s1: select k, v from t where k < 2
< 1|10
< SELECT 1
# Kura sees more.
kura < 1|10
kura < 2|20
kura < SELECT 2
s1: commit
< COMMIT
s2 < UPDATE 1
kura s3 < UPDATE 1
";

fn lines(lines: &[&str]) -> Answer {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_file_is_read() {
    let schedule = Schedule::parse(FILE).unwrap();
    assert_eq!(schedule.setup, ["create table t (k int,\nv int)"]);
    assert_eq!(schedule.steps.len(), 6);
    assert_eq!(schedule.steps[1].data, ["1\t10\n", "# no comment\n"]);
    assert_eq!(schedule.steps[2].sql, "update t set v = 1\nwhere k = 1");
    assert_eq!(schedule.steps[2].line, 13);
    assert_eq!(schedule.deviations(), (1, 1));

    let on_postgres = schedule.expected(Target::Postgres);
    assert_eq!(on_postgres[3].answer, lines(&["UPDATE 1"]));
    assert_eq!(on_postgres[4].answer, lines(&["1|10", "SELECT 1"]));
    assert_eq!(on_postgres[5].completions, [Completion { session: "s2".to_owned(), answer: lines(&["UPDATE 1"]) }]);

    let on_kura = schedule.expected(Target::Kura);
    assert_eq!(on_kura[2].answer, lines(&[WAITS]));
    assert_eq!(on_kura[3].answer, lines(&[WAITS]));
    assert_eq!(on_kura[4].answer, lines(&["1|10", "2|20", "SELECT 2"]));
    let completed: Vec<&str> = on_kura[5].completions.iter().map(|completion| completion.session.as_str()).collect();
    assert_eq!(completed, ["s2", "s3"]);
}

#[test]
fn recording_replaces_answers_and_keeps_the_rest() {
    let schedule = Schedule::parse(FILE).unwrap();
    assert_eq!(schedule.with_answers(&schedule.expected(Target::Postgres)), FILE);

    let bare: String =
        FILE.lines().filter(|line| !line.starts_with("< ") && !line.starts_with("s2 <")).map(|line| format!("{line}\n")).collect();
    let empty = Schedule::parse_without_answers(&bare).unwrap();
    assert_eq!(empty.with_answers(&schedule.expected(Target::Postgres)), FILE);
    assert!(Schedule::parse(&bare).is_err());
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let problem = |text: &str| Schedule::parse(text).unwrap_err().to_string();
    assert!(problem("s1: begin\n< BEGIN\n").contains("begins with a comment"));
    assert!(problem("# x\ns1 begin\n").contains("line 2: neither"));
    assert!(problem("# x\n< BEGIN\n").contains("without a step"));
    assert!(problem("# x\ns1: begin\n").contains("no answer"));
    assert!(problem("# x\ns1: begin\n< BEGIN\ns2 < UPDATE 1\n").contains("does not wait"));
    assert!(problem("# x\ns1: begin\n< waits\n").contains("never completes"));
    assert!(problem("# x\ns1: lock t\n< waits\ns1: select 1\n< 1\n").contains("still waits"));
    assert!(problem("# x\ns1: select 1\n< 1\nkura < 2\n").contains("say why"));
    // A comment further up explains nothing.
    assert!(problem("# x\ns1: select 1\n# no\n< 1\nkura < 2\n").contains("say why"));
    assert!(problem("# x\ns1: update t\n< UPDATE 1\nkura < waits\ns2: commit\n< COMMIT\nkura s1 < UPDATE 2\n").contains("say why"));
}

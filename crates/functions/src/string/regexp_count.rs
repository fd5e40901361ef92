//! `regexp_count`, `regexp_instr` and `regexp_substr`.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::TEXT;
use super::length::characters_of;
use super::regexp::{Input, each_match, invalid_value, parts, start_of, values};
use crate::failure::{Outcome, out_of_range};
use crate::math::INT4;
use crate::op::pattern::Expression;
use crate::registry::{ArgType, Call, Function};

pub(super) fn functions() -> Vec<Function> {
    const COUNT: [&[ArgType]; 3] = [&[TEXT, TEXT], &[TEXT, TEXT, INT4], &[TEXT, TEXT, INT4, TEXT]];
    const INSTR: [&[ArgType]; 6] = [
        &[TEXT, TEXT],
        &[TEXT, TEXT, INT4],
        &[TEXT, TEXT, INT4, INT4],
        &[TEXT, TEXT, INT4, INT4, INT4],
        &[TEXT, TEXT, INT4, INT4, INT4, TEXT],
        &[TEXT, TEXT, INT4, INT4, INT4, TEXT, INT4],
    ];
    const SUBSTR: [&[ArgType]; 5] = [
        &[TEXT, TEXT],
        &[TEXT, TEXT, INT4],
        &[TEXT, TEXT, INT4, INT4],
        &[TEXT, TEXT, INT4, INT4, TEXT],
        &[TEXT, TEXT, INT4, INT4, TEXT, INT4],
    ];
    let mut all = vec![];
    all.extend(COUNT.map(|arguments| Function::fixed("regexp_count", arguments, PgType::INT4, count)));
    all.extend(INSTR.map(|arguments| Function::fixed("regexp_instr", arguments, PgType::INT4, instr)));
    all.extend(SUBSTR.map(|arguments| Function::fixed("regexp_substr", arguments, PgType::TEXT, substr)));
    all
}

fn count(call: &Call<'_>) -> Arc<ScalarUDF> {
    values(call, |reader, input| {
        let start = start_of(input.text, input.numbers[0].unwrap_or(1))?;
        let expression = reader.expression(input, "regexp_count")?;
        let mut count = 0_i32;
        each_match(&expression, input.text, start, |_| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    })
}

/// The span of the n-th match, or of one of its groups.
fn nth(expression: &Expression, input: &Input<'_>, n: i32, group: i32) -> Outcome<Option<(usize, usize)>> {
    let start = start_of(input.text, input.numbers[0].unwrap_or(1))?;
    let group = usize::try_from(group).unwrap_or(0);
    if group > expression.groups() {
        return Ok(None);
    }
    let (mut left, mut found) = (n, None);
    each_match(expression, input.text, start, |spans| {
        left -= 1;
        if left == 0 {
            found = spans.get(group).copied().flatten();
        }
        Ok(left > 0)
    })?;
    Ok(found)
}

fn check(parameter: &str, value: i32, minimum: i32) -> Outcome<i32> {
    if value < minimum { Err(invalid_value(parameter, value)) } else { Ok(value) }
}

fn instr(call: &Call<'_>) -> Arc<ScalarUDF> {
    values(call, |reader, input| {
        let [start, n, end, group] = input.numbers;
        check("start", start.unwrap_or(1), 1)?;
        let n = check("n", n.unwrap_or(1), 1)?;
        let end = check("endoption", end.unwrap_or(0), 0)?;
        if end > 1 {
            return Err(invalid_value("endoption", end));
        }
        let group = check("subexpr", group.unwrap_or(0), 0)?;
        let expression = reader.expression(input, "regexp_instr")?;
        let Some((from, to)) = nth(&expression, input, n, group)? else {
            return Ok(0);
        };
        let at = if end == 1 { to } else { from };
        i32::try_from(characters_of(&input.text[..at]) + 1).map_err(|_| out_of_range("integer"))
    })
}

fn substr(call: &Call<'_>) -> Arc<ScalarUDF> {
    parts(call, |reader, input| {
        let [start, n, group, _] = input.numbers;
        check("start", start.unwrap_or(1), 1)?;
        let n = check("n", n.unwrap_or(1), 1)?;
        let group = check("subexpr", group.unwrap_or(0), 0)?;
        let expression = reader.expression(input, "regexp_substr")?;
        let found = nth(&expression, input, n, group)?;
        Ok(found.map(|(from, to)| &input.text[from..to]))
    })
}

//! Text into arrays: `string_to_array`.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::TEXT;
use super::regexp::TEXTS;
use crate::failure::Outcome;
use crate::kernel::column::{Column, Text};
use crate::kernel::function;
use crate::kernel::list::TextLists;
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("string_to_array", &[TEXT, TEXT], TEXTS, split).lenient(),
        Function::fixed("string_to_array", &[TEXT, TEXT, TEXT], TEXTS, split).lenient(),
    ]
}

fn split(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let (text, separator) = (args.column(0)?.read::<Text>()?, args.column(1)?.read::<Text>()?);
        let null = args.columns.get(2).map(Column::read::<Text>).transpose()?;
        let mut lists = TextLists::new(args.rows);
        for row in 0..args.rows {
            let Some(text) = text.get(row) else {
                lists.end(false)?;
                continue;
            };
            let null = null.as_ref().and_then(|null| null.get(row));
            pieces(text, separator.get(row), null, &mut lists)?;
            lists.end(true)?;
        }
        lists.finish()
    })
}

/// `separator`: `None` separates every character. `null`: pieces that read so are NULL.
fn pieces(text: &str, separator: Option<&str>, null: Option<&str>, lists: &mut TextLists) -> Outcome<()> {
    let mut push = |piece: &str| lists.push(Some(piece).filter(|piece| Some(*piece) != null));
    if text.is_empty() {
        return Ok(());
    }
    match separator {
        None => text.char_indices().try_for_each(|(at, c)| push(&text[at..at + c.len_utf8()])),
        Some("") => push(text),
        Some(separator) => text.split(separator).try_for_each(push),
    }
}

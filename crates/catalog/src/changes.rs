//! The text in which `DuckLake` records what a snapshot changed.
//!
//! Grammar: `DuckLake` specification, table `ducklake_snapshot_changes`, and the official extension's
//! `ducklake_transaction_changes.cpp`, which knows more tokens than the specification. Decides no conflict.

use std::fmt;

use crate::names;

/// One entry of `changes_made`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    CreatedSchema(String),
    DroppedSchema(i64),
    /// Also what a rename leaves behind.
    CreatedTable {
        schema: String,
        name: String,
    },
    CreatedView {
        schema: String,
        name: String,
    },
    DroppedTable(i64),
    DroppedView(i64),
    AlteredTable(i64),
    AlteredView(i64),
    InsertedIntoTable(i64),
    DeletedFromTable(i64),
    InlinedInsert(i64),
    InlinedDelete(i64),
    /// Flush of inlined rows, merge of adjacent files, rewrite of deletes: history of the table was rewritten.
    Compacted(i64),
    /// Macros: nothing here knows them.
    Macro,
    /// An entry this version does not know.
    Unknown(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreatedSchema(name) => write!(f, "created_schema:{}", names::quote(name)),
            Self::DroppedSchema(id) => write!(f, "dropped_schema:{id}"),
            Self::CreatedTable { schema, name } => {
                write!(f, "created_table:{}.{}", names::quote(schema), names::quote(name))
            }
            Self::CreatedView { schema, name } => {
                write!(f, "created_view:{}.{}", names::quote(schema), names::quote(name))
            }
            Self::DroppedTable(id) => write!(f, "dropped_table:{id}"),
            Self::DroppedView(id) => write!(f, "dropped_view:{id}"),
            Self::AlteredTable(id) => write!(f, "altered_table:{id}"),
            Self::AlteredView(id) => write!(f, "altered_view:{id}"),
            Self::InsertedIntoTable(id) => write!(f, "inserted_into_table:{id}"),
            Self::DeletedFromTable(id) => write!(f, "deleted_from_table:{id}"),
            Self::InlinedInsert(id) => write!(f, "inlined_insert:{id}"),
            Self::InlinedDelete(id) => write!(f, "inlined_delete:{id}"),
            Self::Compacted(id) => write!(f, "compacted_table:{id}"),
            Self::Macro => Ok(()),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

/// Writes `changes_made`.
pub(crate) fn format_changes(changes: &[Change]) -> String {
    let entries: Vec<String> = changes.iter().map(Change::to_string).collect();
    entries.join(",")
}

/// Reads `changes_made`. Never fails: what is not understood becomes [`Change::Unknown`].
pub(crate) fn parse_changes(text: &str) -> Vec<Change> {
    split_entries(text).into_iter().map(parse_entry).collect()
}

/// Splits at commas outside quotes.
fn split_entries(text: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                entries.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    entries.push(&text[start..]);
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

fn parse_entry(entry: &str) -> Change {
    try_parse_entry(entry.trim()).unwrap_or_else(|| Change::Unknown(entry.to_owned()))
}

fn try_parse_entry(entry: &str) -> Option<Change> {
    let (keyword, value) = entry.split_once(':')?;
    let id = || value.parse::<i64>().ok();
    let names = || {
        let (schema, rest) = parse_quoted(value)?;
        let (name, rest) = parse_quoted(rest.strip_prefix('.')?)?;
        rest.is_empty().then_some((schema, name))
    };
    Some(match keyword {
        "created_schema" => {
            let (name, rest) = parse_quoted(value)?;
            if !rest.is_empty() {
                return None;
            }
            Change::CreatedSchema(name)
        }
        "dropped_schema" => Change::DroppedSchema(id()?),
        "created_table" => names().map(|(schema, name)| Change::CreatedTable { schema, name })?,
        "created_view" => names().map(|(schema, name)| Change::CreatedView { schema, name })?,
        "dropped_table" => Change::DroppedTable(id()?),
        "dropped_view" => Change::DroppedView(id()?),
        "altered_table" => Change::AlteredTable(id()?),
        "altered_view" => Change::AlteredView(id()?),
        "inserted_into_table" => Change::InsertedIntoTable(id()?),
        "deleted_from_table" => Change::DeletedFromTable(id()?),
        "inlined_insert" => Change::InlinedInsert(id()?),
        "inlined_delete" => Change::InlinedDelete(id()?),
        "inline_flush" | "flushed_inlined" | "merge_adjacent" | "rewrite_delete" | "compacted_table" => Change::Compacted(id()?),
        "created_scalar_macro" | "created_table_macro" | "dropped_scalar_macro" | "dropped_table_macro" => Change::Macro,
        _ => return None,
    })
}

/// Reads one quoted name; returns it and what follows.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('"')?;
    let mut name = String::new();
    let mut characters = body.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if character != '"' {
            name.push(character);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return Some((name, &body[index + 1..]));
        }
    }
    None
}

/// Writes a list of names the way `ducklake_view.column_aliases` holds them.
pub(crate) fn format_names(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|name| names::quote(name)).collect();
    quoted.join(",")
}

/// Reads `ducklake_view.column_aliases`; `None` when it is malformed.
pub(crate) fn parse_names(text: &str) -> Option<Vec<String>> {
    split_entries(text)
        .into_iter()
        .map(|entry| parse_quoted(entry.trim()).filter(|(_, rest)| rest.is_empty()).map(|(name, _)| name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_made_is_read_as_duckdb_writes_it() {
        let text = r#"created_schema:"S""x",created_table:"S""x"."T,y",inserted_into_table:1,merge_adjacent:7,zap:1"#;
        let changes = parse_changes(text);
        assert_eq!(
            changes,
            [
                Change::CreatedSchema("S\"x".to_owned()),
                Change::CreatedTable { schema: "S\"x".to_owned(), name: "T,y".to_owned() },
                Change::InsertedIntoTable(1),
                Change::Compacted(7),
                Change::Unknown("zap:1".to_owned()),
            ]
        );
        assert_eq!(parse_changes(&format_changes(&changes[..3])), changes[..3]);
        assert!(parse_changes("").is_empty());
        for broken in ["created_table:\"a\"", "dropped_table:x", "created_schema:\"a", "created_schema:\"a\"b", ":"] {
            assert_eq!(parse_changes(broken), [Change::Unknown(broken.to_owned())]);
        }
    }

    #[test]
    fn names_round_trip() {
        let list = ["x".to_owned(), "y\"z,".to_owned()];
        assert_eq!(format_names(&list), r#""x","y""z,""#);
        assert_eq!(parse_names(&format_names(&list)).as_deref(), Some(&list[..]));
        assert_eq!(parse_names(""), Some(Vec::new()));
        assert_eq!(parse_names("x"), None);
    }
}

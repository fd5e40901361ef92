//! The row of a table that a line of COPY data becomes: where each of its values comes from, and which may not be NULL.

/// A column of the table that is loaded.
#[derive(Clone, Debug)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Whether it refuses NULL.
    pub not_null: bool,
    /// What it gets.
    pub value: ColumnValue,
}

/// What a column of the table gets.
#[derive(Clone, Debug)]
pub enum ColumnValue {
    /// The field with this number in the decoder's columns, from 0.
    Field(usize),
    /// The same text in every row; `None` is NULL.
    Constant(Option<String>),
}

/// The first column, in the table's order, that may not be NULL and is. `is_null` tells of a field.
pub(super) fn violated(columns: &[TableColumn], is_null: impl Fn(usize) -> bool) -> Option<&TableColumn> {
    columns.iter().find(|column| {
        column.not_null
            && match &column.value {
                ColumnValue::Field(index) => is_null(*index),
                ColumnValue::Constant(value) => value.is_none(),
            }
    })
}

/// The values of the table's row. `fields`: those of the line.
pub(super) fn values_of<'a>(columns: &'a [TableColumn], fields: &'a [Option<String>]) -> impl Iterator<Item = Option<&'a str>> {
    columns.iter().map(|column| match &column.value {
        ColumnValue::Field(index) => fields.get(*index).and_then(Option::as_deref),
        ColumnValue::Constant(value) => value.as_deref(),
    })
}

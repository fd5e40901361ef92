//! Columns of tables and views. Does not check values against types.

use kura_pgtypes::{PgType, Scalar};

use crate::column_type;

/// One top-level column of a table or a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Identity of the column within its table, stable over renames; the Parquet field id. For a view: its position from 1.
    pub id: i64,
    /// Name as the user spelled it.
    pub name: String,
    /// PostgreSQL type, with its modifier.
    pub ty: PgType,
    /// The `DuckLake` type of the column (of the elements, for a list), for example `int32`. Differs from what
    /// [`Column::ty`] alone would give when another program created the column (`uint16`, `timestamp_ns`). Empty in views.
    pub lake_type: String,
    /// Whether NULL may be stored.
    pub nullable: bool,
    /// SQL text of the default for new rows; `None` is NULL.
    pub default: Option<String>,
    /// Value, as text, of rows in files written before the column was added; `None` is NULL.
    pub initial_default: Option<String>,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
    /// Field id of the elements when the column is a list.
    pub element_id: Option<i64>,
}

impl Column {
    /// A nullable column without default and comment.
    #[must_use]
    pub fn new(id: i64, name: impl Into<String>, ty: PgType) -> Self {
        Self {
            id,
            name: name.into(),
            ty,
            lake_type: String::new(),
            nullable: true,
            default: None,
            initial_default: None,
            comment: None,
            element_id: None,
        }
    }

    /// The field id under which a Parquet leaf of this column and its statistics are kept: the elements' id for a list.
    #[must_use]
    pub fn leaf_id(&self) -> i64 {
        self.element_id.unwrap_or(self.id)
    }

    /// Whether values stored for this column can be read as they are when it has that type: a wider integer or floating
    /// point number, or the same stored type with a looser modifier.
    #[must_use]
    pub fn can_widen_to(&self, ty: PgType) -> bool {
        if self.ty.array != ty.array {
            return false;
        }
        // The stored type of another program's column need not be the one this program would choose.
        let as_chosen = column_type::from_pg(self.ty).as_deref() == Some(self.lake_type.as_str());
        match (self.ty.scalar, ty.scalar) {
            _ if self.ty == ty => true,
            (Scalar::Int2, Scalar::Int4 | Scalar::Int8) | (Scalar::Int4, Scalar::Int8) | (Scalar::Float4, Scalar::Float8) => {
                as_chosen && !ty.array
            }
            (Scalar::Varchar, Scalar::Varchar) => as_chosen && is_at_least(ty.char_length(), self.ty.char_length()),
            (Scalar::Varchar, Scalar::Text) => as_chosen,
            (Scalar::Text, Scalar::Varchar) => as_chosen && ty.char_length().is_none(),
            (Scalar::Time, Scalar::Time) | (Scalar::Timestamp, Scalar::Timestamp) | (Scalar::Timestamptz, Scalar::Timestamptz) => {
                as_chosen && is_at_least(ty.seconds_precision(), self.ty.seconds_precision())
            }
            (Scalar::Numeric, Scalar::Numeric) => as_chosen && column_type::from_pg(ty).as_deref() == Some(self.lake_type.as_str()),
            _ => false,
        }
    }
}

/// Whether a limit allows all that another one does; `None` is no limit.
fn is_at_least(new: Option<u32>, old: Option<u32>) -> bool {
    match (new, old) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(new), Some(old)) => new >= old,
    }
}

/// A column of a table to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// Name, unique in the table.
    pub name: String,
    /// PostgreSQL type with modifier; no pseudo-type.
    pub ty: PgType,
    /// Whether NULL may be stored.
    pub nullable: bool,
    /// SQL text of the default; `None` is NULL.
    pub default: Option<String>,
}

//! What a transaction can do to the columns of a table. Rewrites no file: it says which changes need none.

use std::sync::Arc;

use kura_pgtypes::PgType;

use crate::column_type;
use crate::error::{Error, Result};
use crate::object::column::{Column, NewColumn};
use crate::object::table::Table;
use crate::statistics;

use super::{Transaction, check_column_count, check_name};

impl Transaction {
    /// Adds a column behind the others; returns its identity. `initial_default`, the text of a value of its type, is what
    /// rows of files written before have; `None` is NULL.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ColumnExists`], [`Error::UnsupportedType`], [`Error::Limit`], [`Error::Unreadable`].
    pub fn add_column(&mut self, table_id: i64, column: NewColumn, initial_default: Option<String>) -> Result<i64> {
        let table = self.alterable_table(table_id)?;
        check_column_is_free(&table, &column.name)?;
        check_column_count(table.columns.len() + 1)?;
        let mut next_id = table.next_column_id;
        let column = Column { initial_default, ..build_column(column, &mut next_id)? };
        let id = column.id;
        self.change_table(table_id, |table| {
            table.columns.push(column);
            table.next_column_id = next_id;
        });
        Ok(id)
    }

    /// Drops a column. Its values stay in the files, where nothing reads them any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`]; [`Error::InvalidTable`] for a partition key; [`Error::LastColumn`].
    pub fn drop_column(&mut self, table_id: i64, column_id: i64) -> Result<()> {
        let table = self.alterable_table(table_id)?;
        let column = find_column(&table, column_id)?;
        check_no_partition_key(&table, column, "drop")?;
        if table.columns.len() == 1 {
            return Err(Error::LastColumn { table: table.name.clone() });
        }
        self.change_table(table_id, |table| table.columns.retain(|column| column.id != column_id));
        Ok(())
    }

    /// Renames a column.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`]; [`Error::ColumnExists`], also for its own name.
    pub fn rename_column(&mut self, table_id: i64, column_id: i64, name: &str) -> Result<()> {
        let table = self.alterable_table(table_id)?;
        find_column(&table, column_id)?;
        check_column_is_free(&table, name)?;
        self.change_column(table_id, column_id, |column| name.clone_into(&mut column.name));
        Ok(())
    }

    /// Sets the default of new rows, as SQL text; `None` is NULL.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`].
    pub fn set_column_default(&mut self, table_id: i64, column_id: i64, default: Option<String>) -> Result<()> {
        let table = self.alterable_table(table_id)?;
        find_column(&table, column_id)?;
        self.change_column(table_id, column_id, |column| column.default = default);
        Ok(())
    }

    /// Allows or forbids NULL. Whether the rows there are hold none is for the caller to find out; should others add rows
    /// before the commit, it fails.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`].
    pub fn set_column_nullable(&mut self, table_id: i64, column_id: i64, nullable: bool) -> Result<()> {
        let table = self.alterable_table(table_id)?;
        find_column(&table, column_id)?;
        self.change_column(table_id, column_id, |column| column.nullable = nullable);
        Ok(())
    }

    /// Changes a column's type to one in which every value in the files can be read as it is. What
    /// [`Column::can_widen_to`] refuses is for [`Transaction::replace_column`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`]; [`Error::InvalidTable`] for another type and for a partition key.
    pub fn widen_column(&mut self, table_id: i64, column_id: i64, ty: PgType) -> Result<()> {
        let table = self.alterable_table(table_id)?;
        let column = find_column(&table, column_id)?;
        check_no_partition_key(&table, column, "alter")?;
        if !column.can_widen_to(ty) {
            let message = format!("column \"{}\" cannot be widened from {} to {}", column.name, column.ty.display(), ty.display());
            return Err(Error::InvalidTable { message });
        }
        let lake_type = lake_type(&column.name, ty)?;
        let is_wider_float = column.lake_type == column_type::FLOAT32 && column.lake_type != lake_type;
        let leaf = column.leaf_id();
        self.change_column(table_id, column_id, |column| (column.ty, column.lake_type) = (ty, lake_type));
        if is_wider_float {
            self.change_column(table_id, column_id, |column| {
                // Text of the narrow type, which stands for another value in the wide one.
                let widened = column.initial_default.as_deref().and_then(statistics::float64_text);
                column.initial_default = widened.or(column.initial_default.take());
            });
            self.change_table(table_id, |table| widen_float_bounds(table, leaf));
        }
        Ok(())
    }

    /// Puts a column of another type in the place of one, with its name and properties; returns the identity of the new
    /// one. Files written before know nothing of it: the caller rewrites them and sets the default anew where it must.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::UnsupportedType`], [`Error::Unreadable`]; [`Error::InvalidTable`] for a partition key.
    pub fn replace_column(&mut self, table_id: i64, column_id: i64, ty: PgType) -> Result<i64> {
        let table = self.alterable_table(table_id)?;
        let old = find_column(&table, column_id)?;
        check_no_partition_key(&table, old, "alter")?;
        let mut next_id = table.next_column_id;
        let new = NewColumn { name: old.name.clone(), ty, nullable: old.nullable, default: old.default.clone() };
        let new = Column { comment: old.comment.clone(), ..build_column(new, &mut next_id)? };
        let id = new.id;
        self.change_column(table_id, column_id, |column| *column = new);
        self.change_table(table_id, |table| table.next_column_id = next_id);
        Ok(id)
    }

    /// Sets or, with `None`, removes the comment of a table's column.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the table or the column.
    pub fn comment_on_column(&mut self, table_id: i64, column_id: i64, comment: Option<String>) -> Result<()> {
        find_column(self.table(table_id)?, column_id)?;
        self.change_column(table_id, column_id, |column| column.comment = comment);
        Ok(())
    }
}

impl Transaction {
    /// A table of which every column is understood.
    fn alterable_table(&self, id: i64) -> Result<Arc<Table>> {
        let table = self.table(id)?;
        table.check_readable()?;
        Ok(Arc::clone(table))
    }

    fn change_column(&mut self, table_id: i64, column_id: i64, change: impl FnOnce(&mut Column)) {
        self.change_table(table_id, |table| {
            if let Some(column) = table.columns.iter_mut().find(|column| column.id == column_id) {
                change(column);
            }
        });
    }
}

/// Gives a column its field id and, for a list, that of its elements.
pub(super) fn build_column(new: NewColumn, next_id: &mut i64) -> Result<Column> {
    let lake_type = lake_type(&new.name, new.ty)?;
    let id = *next_id;
    let element_id = new.ty.array.then_some(id + 1);
    *next_id = element_id.unwrap_or(id) + 1;
    Ok(Column { lake_type, nullable: new.nullable, default: new.default, element_id, ..Column::new(id, new.name, new.ty) })
}

fn lake_type(column: &str, ty: PgType) -> Result<String> {
    column_type::from_pg(ty).ok_or_else(|| Error::UnsupportedType { column: column.to_owned(), ty: ty.display() })
}

fn find_column(table: &Table, id: i64) -> Result<&Column> {
    let found = table.columns.iter().find(|column| column.id == id);
    found.ok_or_else(|| Error::NotFound { kind: "column", name: id.to_string() })
}

fn check_column_is_free(table: &Table, name: &str) -> Result<()> {
    check_name(name)?;
    match table.column(name) {
        Some(_) => Err(Error::ColumnExists { column: name.to_owned(), table: table.name.clone() }),
        None => Ok(()),
    }
}

fn check_no_partition_key(table: &Table, column: &Column, what: &str) -> Result<()> {
    let mut keys = table.partition.iter().flat_map(|partition| &partition.columns);
    if keys.any(|key| key.column_id == column.id) {
        let message =
            format!("cannot {what} column \"{}\" because it is part of the partition key of relation \"{}\"", column.name, table.name);
        return Err(Error::InvalidTable { message });
    }
    Ok(())
}

/// The bounds of files are text of the narrow type, which need not bound the same values in the wide one.
fn widen_float_bounds(table: &mut Table, leaf: i64) {
    for file in Arc::make_mut(&mut table.files) {
        if let Some(stats) = Arc::make_mut(file).columns.get_mut(&leaf) {
            for bound in [&mut stats.min, &mut stats.max] {
                *bound = bound.as_deref().and_then(statistics::float64_text);
            }
        }
    }
}

//! ALTER COLUMN TYPE: how the values there are become values of the new type, and what becomes of the default.

use datafusion::sql::sqlparser::ast::{DataType, Expr as AstExpr, Ident};
use kura_catalog::Relation;
use kura_pgtypes::{PgType, Scalar, SqlState};

use super::columns::{Draft, Source, refuse_partition_key};
use crate::bind::cast::assignable;
use crate::bind::expression::{At, Clause};
use crate::bind::scope::folded;
use crate::bind::typed::{Typed, is_text};
use crate::bind::{Binder, create, empty_env, type_name};
use crate::statement::ColumnChange;
use crate::{Error, Result};

/// A change of type, resolved over the table as it was before the statement.
pub(super) struct Retyped {
    /// The column's position before.
    position: usize,
    name: String,
    ty: PgType,
    /// The new value, over the old rows.
    value: Typed,
    /// Whether USING was given.
    by_expression: bool,
}

impl Draft<'_> {
    /// Resolves a change of type.
    pub(super) fn retyped(&self, column: &Ident, ty: &DataType, using: Option<&AstExpr>) -> Result<Retyped> {
        let name = folded(column);
        create::refuse_system_column(&name, "alter")?;
        let position = self.position(&name)?;
        refuse_partition_key(self.table, &name, "alter")?;
        let ty = type_name::resolve(ty)?;
        create::check_storable(&name, ty)?;
        let value = match using {
            Some(expr) => self.transformed(expr)?,
            None => self.old.value(position)?,
        };
        if !value.is_unknown() && !assignable(value.ty, ty) {
            return Err(not_castable(&name, ty, using.is_some()));
        }
        let value = self.binder.assign(value, ty, &name)?;
        Ok(Retyped { position, name, ty, value, by_expression: using.is_some() })
    }

    /// The expression of USING, over the old rows.
    fn transformed(&self, expr: &AstExpr) -> Result<Typed> {
        create::refuse_subquery(expr, "transform expression")?;
        let env = empty_env(self.old.scope());
        self.binder.expr(expr, At { env: &env, clause: Clause::Transform, operand: false })
    }

    pub(super) fn change_type(&mut self, new: Retyped) -> Result<()> {
        let at = self.position(&new.name)?;
        let (Some(before), Some(draft)) = (self.table.columns.get(new.position), self.columns.get(at)) else {
            return Ok(());
        };
        if draft.ty != before.ty {
            return Err(Error::unsupported(format!("cannot alter type of column \"{}\" twice", new.name)));
        }
        let default = match &draft.default {
            Some(text) => Some(self.binder.carried_default(text, before.ty, new.ty, &new.name)?),
            None => None,
        };
        if let Some(view) = self.readers_of(&new.name).into_iter().next() {
            let view = super::described(self.binder, &Relation::View(view));
            return Err(Error::unsupported("cannot alter type of a column used by a view or rule")
                .detail(format!("rule _RETURN on {view} depends on column \"{}\"", new.name)));
        }
        let stays = !new.by_expression && before.can_widen_to(new.ty);
        if !stays {
            self.rewrites = true;
        }
        let column = new.name.clone();
        if new.ty != before.ty {
            self.change(if stays { ColumnChange::Widen { column, ty: new.ty } } else { ColumnChange::Replace { column, ty: new.ty } });
        }
        if let Some(draft) = self.columns.get_mut(at) {
            draft.ty = new.ty;
            draft.source = Source::Converted(new.position, new.value);
            if draft.default != default {
                draft.default.clone_from(&default);
                self.change(ColumnChange::Default { column: new.name, default });
            }
        }
        Ok(())
    }
}

impl Binder<'_> {
    /// A column's default once the column has another type.
    ///
    /// # Errors
    /// 42804 when the type it was written for is not converted on assignment.
    fn carried_default(&self, text: &str, old: PgType, new: PgType, column: &str) -> Result<String> {
        let expr = crate::parse::parse_expression(text)?;
        let scope = crate::bind::scope::Scope::default();
        let env = empty_env(&scope);
        let typed = self.expr(&expr, At { env: &env, clause: Clause::Default, operand: false })?;
        let is_literal = typed.is_unknown();
        let natural = if is_literal { old } else { typed.ty };
        if !assignable(natural, new) {
            let message = format!("default for column \"{column}\" cannot be cast automatically to type {}", new.with_typmod(-1).display());
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
        }
        if !is_literal || old.with_typmod(-1) == new.with_typmod(-1) || (is_text(old) && is_text(new)) {
            return Ok(text.to_owned());
        }
        // The literal stays one of the old type: '1 Jan 2024' as a date is another text than as a text.
        Ok(format!("CAST({text} AS {})", literal_type(old)))
    }
}

/// A type without its modifier, as a cast names it.
fn literal_type(ty: PgType) -> String {
    // `character` alone is character(1).
    if ty.scalar == Scalar::Bpchar && !ty.array { "bpchar".to_owned() } else { ty.with_typmod(-1).display() }
}

fn not_castable(column: &str, ty: PgType, by_expression: bool) -> Error {
    let name = ty.with_typmod(-1).display();
    if by_expression {
        let message = format!("result of USING clause for column \"{column}\" cannot be cast automatically to type {name}");
        return Error::new(SqlState::DATATYPE_MISMATCH, message).hint("You might need to add an explicit cast.");
    }
    let quoted = quoted(column);
    Error::new(SqlState::DATATYPE_MISMATCH, format!("column \"{column}\" cannot be cast automatically to type {name}"))
        .hint(format!("You might need to specify \"USING {quoted}::{}\".", ty.display()))
}

/// A name as it would be written in SQL.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

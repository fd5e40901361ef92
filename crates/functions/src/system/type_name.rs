//! `format_type`: types in SQL's words.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use kura_pgtypes::PgType;

use super::OID;
use crate::kernel::column::{Int4, Oid};
use crate::kernel::function;
use crate::kernel::lift::text_rows;
use crate::math::INT4;
use crate::registry::{Call, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![Function::fixed("format_type", &[OID, INT4], PgType::TEXT, format_type).lenient().stable()]
}

fn format_type(call: &Call<'_>) -> Arc<ScalarUDF> {
    function(call, |args| {
        let (oids, modifiers) = (args.column(0)?.read::<Oid>()?, args.column(1)?.read::<Int4>()?);
        text_rows(args.rows, |row, out| {
            let Some(oid) = oids.get(row) else {
                return Ok(false);
            };
            match (oid, PgType::from_oid(oid)) {
                (0, _) => out.push('-'),
                (_, None) => out.push_str("???"),
                // Where the modifier is known to be none, SQL has no word for the type: character is character(1).
                (_, Some(ty)) => match modifiers.get(row) {
                    Some(modifier) if modifier >= 0 => out.push_str(&ty.with_typmod(modifier).display()),
                    Some(_) if ty == PgType::BPCHAR => out.push_str("bpchar"),
                    Some(_) if ty == PgType::BPCHAR.array_of() => out.push_str("bpchar[]"),
                    _ => out.push_str(&ty.display()),
                },
            }
            Ok(true)
        })
    })
}

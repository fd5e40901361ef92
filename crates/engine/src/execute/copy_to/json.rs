//! Rows as JSON, an object per line: numbers and booleans as such, json as it is, arrays as arrays, NULL as null, everything else
//! as PostgreSQL writes it.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use kura_pgtypes::{OutputSettings, PgType, Scalar, encode};

use crate::error::{Error, Result};

/// The rows of a batch.
pub(super) fn lines(batch: &RecordBatch, columns: &[(String, PgType)], settings: &OutputSettings) -> Result<Vec<u8>> {
    let keys: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        out.push(b'{');
        for (index, ((key, (_, ty)), array)) in keys.iter().zip(columns).zip(batch.columns()).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key.as_bytes());
            out.push(b':');
            value(array, row, *ty, settings, &mut out)?;
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(out)
}

fn value(array: &ArrayRef, row: usize, ty: PgType, settings: &OutputSettings, out: &mut Vec<u8>) -> Result<()> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    if let (Some(element), Some(lists)) = (ty.element(), array.as_list_opt::<i32>()) {
        let elements = lists.value(row);
        // An array of several dimensions is a list of lists.
        let inner = if elements.as_list_opt::<i32>().is_some() { ty } else { element };
        out.push(b'[');
        for index in 0..elements.len() {
            if index > 0 {
                out.push(b',');
            }
            value(&elements, index, inner, settings, out)?;
        }
        out.push(b']');
        return Ok(());
    }
    let mut bytes = Vec::new();
    encode::write_text(array.as_ref(), row, ty, settings, &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::internal("a value that is not UTF-8"))?;
    match ty.scalar {
        Scalar::Bool => out.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
        Scalar::Json | Scalar::Jsonb => one_line(&text, out),
        Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Oid => out.extend_from_slice(text.as_bytes()),
        // JSON has no NaN and no infinity.
        Scalar::Float4 | Scalar::Float8 | Scalar::Numeric if text.bytes().any(|byte| byte.is_ascii_digit()) => {
            out.extend_from_slice(text.as_bytes());
        }
        _ => out.extend_from_slice(quoted(&text).as_bytes()),
    }
    Ok(())
}

/// A json value may be laid out in lines; within its strings newlines are escaped.
fn one_line(json: &str, out: &mut Vec<u8>) {
    out.extend(json.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int32Array, ListArray, StringViewArray};
    use arrow::datatypes::{Field, Int32Type, Schema};

    use super::*;

    #[test]
    fn an_object_per_line() {
        let columns: Vec<(&str, PgType, ArrayRef)> = vec![
            ("a", PgType::INT4, Arc::new(Int32Array::from(vec![Some(1), None]))),
            ("b \"", PgType::TEXT, Arc::new(StringViewArray::from(vec!["x\ny", ""]))),
            ("c", PgType::BOOL, Arc::new(BooleanArray::from(vec![true, false]))),
            ("d", PgType::JSON, Arc::new(StringViewArray::from(vec!["{\n}", "1"]))),
            (
                "e",
                PgType::INT4.array_of(),
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![])])),
            ),
        ];
        let fields: Vec<Field> = columns.iter().map(|(name, _, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let arrays = columns.iter().map(|(_, _, array)| Arc::clone(array)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch");
        let described: Vec<(String, PgType)> = columns.iter().map(|(name, ty, _)| ((*name).to_owned(), *ty)).collect();
        let text = lines(&batch, &described, &OutputSettings::default()).expect("lines");
        let expected = "{\"a\":1,\"b \\\"\":\"x\\ny\",\"c\":true,\"d\":{ },\"e\":[1,null]}\n\
                        {\"a\":null,\"b \\\"\":\"\",\"c\":false,\"d\":1,\"e\":[]}\n";
        assert_eq!(String::from_utf8(text).expect("UTF-8"), expected);
    }
}

//! Arrays: the braces and quotes of the text form, the dimensions of the binary form.
//!
//! Nested lists are the dimensions of one array. The text form shows ragged lists as they are; the binary form cannot,
//! and refuses them. Lower bounds are always 1.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use crate::diagnostic::SqlError;
use crate::encode::Output;
use crate::encode::column::{Column, Values, mismatch};
use crate::pg_type::PgType;
use crate::settings::OutputSettings;
use crate::sqlstate::SqlState;

/// PostgreSQL's `MAXDIM`.
pub(crate) const DIMENSIONS_MAX: usize = 6;

/// A column of lists: where each row's elements stand in the elements' own column.
pub(crate) struct Lists {
    bounds: Vec<(usize, usize)>,
    elements: Box<Column>,
    element: PgType,
}

impl Lists {
    /// `ty` is the array type; lists inside lists have the same one.
    pub(super) fn new(array: &ArrayRef, ty: PgType) -> Result<Self, SqlError> {
        let element = ty.element().ok_or_else(|| mismatch(array.data_type(), ty))?;
        let rows = array.len();
        let (bounds, values) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                ((0..rows).map(|row| (offsets[row] as usize, offsets[row + 1] as usize)).collect(), list.values())
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let offsets = list.value_offsets();
                ((0..rows).map(|row| (offsets[row] as usize, offsets[row + 1] as usize)).collect(), list.values())
            }
            DataType::FixedSizeList(_, size) => {
                let list = array.as_fixed_size_list();
                let size = *size as usize;
                ((0..rows).map(|row| (row * size, (row + 1) * size)).collect(), list.values())
            }
            other => return Err(mismatch(other, ty)),
        };
        let inner = if is_list(values.data_type()) { ty } else { element };
        Ok(Self { bounds, elements: Box::new(Column::new(values, inner)?), element })
    }

    fn inner(&self) -> Option<&Lists> {
        match &self.elements.values {
            Values::Lists(lists) => Some(lists),
            _ => None,
        }
    }

    /// Whether the row has no element at all; PostgreSQL has one empty array, whatever its dimensions were.
    fn is_empty(&self, row: usize) -> bool {
        let (start, end) = self.bounds[row];
        match self.inner() {
            None => start == end,
            Some(inner) => (start..end).all(|at| !self.elements.is_null(at) && inner.is_empty(at)),
        }
    }
}

fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) | DataType::ListView(_) | DataType::LargeListView(_)
    )
}

/// `{1,NULL,"a b"}`
pub(super) fn write_text<W: Output>(lists: &Lists, row: usize, settings: &OutputSettings, out: &mut W) -> Result<(), SqlError> {
    if lists.is_empty(row) {
        out.put_slice(b"{}");
        return Ok(());
    }
    let (start, end) = lists.bounds[row];
    let quotes = lists.elements.may_need_quotes();
    out.put_u8(b'{');
    for at in start..end {
        if at > start {
            out.put_u8(b',');
        }
        if lists.elements.is_null(at) {
            out.put_slice(b"NULL");
            continue;
        }
        if let Some(inner) = lists.inner() {
            write_text(inner, at, settings, out)?;
            continue;
        }
        let from = out.written();
        lists.elements.write_text(at, settings, out)?;
        if quotes && needs_quotes(out.tail(from)) {
            quote(from, out);
        }
    }
    out.put_u8(b'}');
    Ok(())
}

/// The rule of `array_out`.
fn needs_quotes(text: &[u8]) -> bool {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C);
    text.is_empty() || text.eq_ignore_ascii_case(b"null") || text.iter().any(special)
}

fn quote<W: Output>(from: usize, out: &mut W) {
    let plain = out.tail(from).to_vec();
    out.rewind(from);
    out.put_u8(b'"');
    for byte in plain {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

/// Dimensions, a flag for nulls, the element type, then the elements with their lengths.
pub(super) fn write_binary<W: Output>(lists: &Lists, row: usize, settings: &OutputSettings, out: &mut W) -> Result<(), SqlError> {
    let mut sizes = Vec::new();
    if !lists.is_empty(row) {
        dimensions(lists, row, 0, &mut sizes)?;
    }
    out.put_i32(sizes.len() as i32);
    let flags_at = out.written();
    out.put_i32(0);
    out.put_u32(lists.element.oid());
    for size in &sizes {
        out.put_i32(i32::try_from(*size).map_err(|_| too_large())?);
        out.put_i32(1);
    }
    if !sizes.is_empty() && write_elements(lists, row, settings, out)? {
        out.patch_i32(flags_at, 1);
    }
    Ok(())
}

/// Collects the size of each dimension and checks that all lists of one depth have it.
fn dimensions(lists: &Lists, row: usize, depth: usize, sizes: &mut Vec<usize>) -> Result<(), SqlError> {
    let (start, end) = lists.bounds[row];
    if depth == DIMENSIONS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("number of array dimensions exceeds the maximum allowed ({DIMENSIONS_MAX})"),
        ));
    }
    match sizes.get(depth) {
        None => sizes.push(end - start),
        Some(size) if *size == end - start => {}
        Some(_) => return Err(ragged()),
    }
    if let Some(inner) = lists.inner() {
        for at in start..end {
            if lists.elements.is_null(at) {
                return Err(ragged());
            }
            dimensions(inner, at, depth + 1, sizes)?;
        }
    }
    Ok(())
}

/// Writes the innermost elements; says whether one was null.
fn write_elements<W: Output>(lists: &Lists, row: usize, settings: &OutputSettings, out: &mut W) -> Result<bool, SqlError> {
    let (start, end) = lists.bounds[row];
    let mut any_null = false;
    for at in start..end {
        if let Some(inner) = lists.inner() {
            any_null |= write_elements(inner, at, settings, out)?;
            continue;
        }
        if lists.elements.is_null(at) {
            any_null = true;
            out.put_i32(-1);
            continue;
        }
        let length_at = out.written();
        out.put_i32(0);
        lists.elements.write_binary(at, settings, out)?;
        let length = i32::try_from(out.written() - length_at - 4).map_err(|_| too_large())?;
        out.patch_i32(length_at, length);
    }
    Ok(any_null)
}

fn ragged() -> SqlError {
    SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "multidimensional arrays must have array expressions with matching dimensions")
}

fn too_large() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed")
}

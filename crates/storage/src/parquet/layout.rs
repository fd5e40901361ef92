//! The layout of a Parquet file for given columns: its schema as `DuckDB` writes it, and arrays in the form that is encoded.
//!
//! Encoding itself is in `encode`. Lists have one level, as the catalog's types do.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use kura_catalog::Column;
use kura_pgtypes::{PgType, Scalar};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{PrimitiveTypeBuilder, Type, TypePtr};

use crate::error::{Error, Result};
use crate::parquet::interval;
use crate::parquet::statistics::infinities_to_lake;

/// Name of the elements of a list, and of the group around them.
const ELEMENT: &str = "element";

/// One column of a file.
#[derive(Debug)]
pub(crate) struct LayoutColumn {
    name: String,
    ty: PgType,
    lake_type: String,
    /// Field ids of the column and, for a list, of its elements. Files outside of the lake have none.
    ids: Option<(i64, Option<i64>)>,
}

/// How the columns of a table or a result become columns of a file.
#[derive(Debug)]
pub(crate) struct Layout {
    columns: Vec<LayoutColumn>,
    /// Root of the Parquet schema.
    pub(crate) parquet: TypePtr,
    /// The arrays handed to the encoder; one field for each column and one for each companion of an interval.
    pub(crate) arrow: SchemaRef,
}

/// A leaf to gather statistics of.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// Field id the catalog keeps its statistics under; `None` for companions and files outside of the lake.
    pub(crate) id: Option<i64>,
    /// Canonical Arrow type.
    pub(crate) data_type: DataType,
}

impl Layout {
    /// For the files of a table.
    pub(crate) fn of_table(columns: &[Column]) -> Result<Self> {
        Self::new(columns.iter().map(|column| LayoutColumn {
            name: column.name.clone(),
            ty: column.ty,
            lake_type: column.lake_type.clone(),
            ids: Some((column.id, column.element_id)),
        }))
    }

    /// For a file of named and typed columns outside of the lake.
    pub(crate) fn of_result(columns: &[(String, PgType)]) -> Result<Self> {
        Self::new(columns.iter().map(|(name, ty)| LayoutColumn { name: name.clone(), ty: *ty, lake_type: String::new(), ids: None }))
    }

    fn new(columns: impl Iterator<Item = LayoutColumn>) -> Result<Self> {
        let columns: Vec<LayoutColumn> = columns.collect();
        let mut nodes = Vec::new();
        let mut fields = Vec::new();
        for column in &columns {
            nodes.push(Arc::new(node(column).map_err(|error| unsupported(column, error))?));
            fields.push(Field::new(&column.name, stored_type(column), true));
            if column.has_companion() {
                nodes.push(Arc::new(companion_node(column).map_err(Error::Encode)?));
                fields.push(Field::new(companion_name(column), companion_type(column), true));
            }
        }
        let root = Type::group_type_builder("kura_schema").with_fields(nodes).build().map_err(Error::Encode)?;
        Ok(Self { columns, parquet: Arc::new(root), arrow: Arc::new(Schema::new(fields)) })
    }

    /// The leaves in the order of the file.
    pub(crate) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for column in &self.columns {
            let id = column.ids.map(|(id, element)| element.unwrap_or(id));
            leaves.push(Leaf { id, data_type: column.ty.element().unwrap_or(column.ty).arrow() });
            if column.has_companion() {
                leaves.push(Leaf { id: None, data_type: DataType::Null });
            }
        }
        leaves
    }

    /// Number of columns of the input.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Number of fields in [`Layout::arrow`], and of leaves in the file, that a column of the input becomes.
    pub(crate) fn width(&self, column: usize) -> usize {
        1 + usize::from(self.columns.get(column).is_some_and(LayoutColumn::has_companion))
    }

    /// One column of canonical type in its stored form: itself, and its companion where it has one.
    pub(crate) fn store(&self, column: usize, array: &ArrayRef) -> Result<Vec<ArrayRef>> {
        let column = self.columns.get(column).ok_or_else(|| Error::internal("more columns than the file has"))?;
        let canonical = column.ty.arrow();
        let array = if *array.data_type() == canonical {
            Arc::clone(array)
        } else {
            cast(array, &canonical).ok_or_else(|| {
                Error::internal(format!("column \"{}\" of type {} was given as {}", column.name, canonical, array.data_type()))
            })?
        };
        if column.ty.scalar == Scalar::Interval {
            let mut arrays = store_intervals(&array)?;
            arrays.truncate(1 + usize::from(column.has_companion()));
            return Ok(arrays);
        }
        let array = infinities_to_lake(array);
        let stored = stored_type(column);
        if *array.data_type() == stored {
            return Ok(vec![array]);
        }
        let out_of_range = || Error::OutOfRange { column: column.name.clone(), lake_type: column.lake_type.clone() };
        Ok(vec![cast(&array, &stored).ok_or_else(out_of_range)?])
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }).ok()
}

fn store_intervals(array: &ArrayRef) -> Result<Vec<ArrayRef>> {
    let encode = |array: &dyn Array| interval::encode(array).map_err(|error| Error::Encode(error.into()));
    let Some(list) = array.as_list_opt::<i32>() else {
        let (main, companion) = encode(array)?;
        return Ok(vec![main, companion]);
    };
    let (main, companion) = encode(list.values())?;
    let rebuilt = [main, companion].map(|values| -> Result<ArrayRef> {
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let list = ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned());
        Ok(Arc::new(list.map_err(|error| Error::Encode(error.into()))?))
    });
    rebuilt.into_iter().collect()
}

impl LayoutColumn {
    fn has_companion(&self) -> bool {
        self.ty.scalar == Scalar::Interval && self.ids.is_some()
    }
}

/// A type no file can hold is the user's mistake, everything else ours.
fn unsupported(column: &LayoutColumn, error: ParquetError) -> Error {
    match error {
        ParquetError::NYI(_) => {
            Error::Unsupported { what: format!("column \"{}\" of type {} in Parquet files", column.name, column.ty.display()) }
        }
        other => Error::Encode(other),
    }
}

fn companion_name(column: &LayoutColumn) -> String {
    format!("{}__kura_exact", column.name)
}

fn in_list(column: &LayoutColumn, element: DataType) -> DataType {
    if column.ty.array { DataType::List(Arc::new(Field::new_list_field(element, true))) } else { element }
}

fn companion_type(column: &LayoutColumn) -> DataType {
    in_list(column, DataType::FixedSizeBinary(interval::EXACT_WIDTH))
}

/// The Arrow type whose encoding is the lake's.
fn stored_type(column: &LayoutColumn) -> DataType {
    let scalar = column.ty.element().unwrap_or(column.ty);
    let element = match (scalar.scalar, column.lake_type.as_str()) {
        (_, "int8") => DataType::Int8,
        (_, "uint8") => DataType::UInt8,
        (_, "uint16") => DataType::UInt16,
        (_, "uint32") => DataType::UInt32,
        (_, "uint64") => DataType::UInt64,
        (Scalar::Interval, _) => DataType::FixedSizeBinary(interval::WIDTH),
        _ => scalar.arrow(),
    };
    in_list(column, element)
}

fn field_id(id: Option<i64>) -> Option<i32> {
    id.and_then(|id| i32::try_from(id).ok())
}

/// The schema node of a column. All are optional, so that dropping NOT NULL needs no rewriting.
fn node(column: &LayoutColumn) -> Result<Type, ParquetError> {
    let (id, element_id) = column.ids.map_or((None, None), |(id, element)| (field_id(Some(id)), field_id(element)));
    let stored = stored_type(column);
    match &stored {
        DataType::List(element) => list(&column.name, id, primitive(ELEMENT, column.ty, element.data_type(), element_id)?),
        element => primitive(&column.name, column.ty, element, id),
    }
}

fn companion_node(column: &LayoutColumn) -> Result<Type, ParquetError> {
    let name = companion_name(column);
    let ids = column.ids.map(|(id, element)| (interval::companion_id(id), element.map(interval::companion_id)));
    let (id, element_id) = ids.map_or((None, None), |(id, element)| (field_id(Some(id)), field_id(element)));
    let bytes = |name: &str, id| {
        Type::primitive_type_builder(name, Physical::FIXED_LEN_BYTE_ARRAY)
            .with_repetition(Repetition::OPTIONAL)
            .with_length(interval::EXACT_WIDTH)
            .with_id(id)
            .build()
    };
    if column.ty.array { list(&name, id, bytes(ELEMENT, element_id)?) } else { bytes(&name, id) }
}

fn list(name: &str, id: Option<i32>, element: Type) -> Result<Type, ParquetError> {
    let repeated = Type::group_type_builder("list").with_fields(vec![Arc::new(element)]).with_repetition(Repetition::REPEATED).build()?;
    Type::group_type_builder(name)
        .with_fields(vec![Arc::new(repeated)])
        .with_logical_type(Some(LogicalType::List))
        .with_repetition(Repetition::OPTIONAL)
        .with_id(id)
        .build()
}

fn primitive(name: &str, ty: PgType, stored: &DataType, id: Option<i32>) -> Result<Type, ParquetError> {
    let new = |physical| Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL).with_id(id);
    let logical = |physical, logical| -> PrimitiveTypeBuilder<'_> { new(physical).with_logical_type(Some(logical)) };
    let integer = |bits, signed| LogicalType::integer(bits, signed);
    let builder = match stored {
        DataType::Boolean => new(Physical::BOOLEAN),
        DataType::Int8 => logical(Physical::INT32, integer(8, true)),
        DataType::Int16 => logical(Physical::INT32, integer(16, true)),
        DataType::Int32 => logical(Physical::INT32, integer(32, true)),
        DataType::Int64 => logical(Physical::INT64, integer(64, true)),
        DataType::UInt8 => logical(Physical::INT32, integer(8, false)),
        DataType::UInt16 => logical(Physical::INT32, integer(16, false)),
        DataType::UInt32 => logical(Physical::INT32, integer(32, false)),
        DataType::UInt64 => logical(Physical::INT64, integer(64, false)),
        DataType::Float32 => new(Physical::FLOAT),
        DataType::Float64 => new(Physical::DOUBLE),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => decimal(new, *precision, *scale),
        DataType::Utf8View if matches!(ty.scalar, Scalar::Json | Scalar::Jsonb) => logical(Physical::BYTE_ARRAY, LogicalType::Json),
        DataType::Utf8View => logical(Physical::BYTE_ARRAY, LogicalType::String),
        DataType::Binary => new(Physical::BYTE_ARRAY),
        DataType::Date32 => logical(Physical::INT32, LogicalType::Date),
        DataType::Time64(_) => logical(Physical::INT64, LogicalType::time(false, TimeUnit::MICROS)),
        DataType::Timestamp(_, zone) => logical(Physical::INT64, LogicalType::timestamp(zone.is_some(), TimeUnit::MICROS)),
        DataType::FixedSizeBinary(interval::WIDTH) => {
            new(Physical::FIXED_LEN_BYTE_ARRAY).with_length(interval::WIDTH).with_converted_type(ConvertedType::INTERVAL)
        }
        DataType::FixedSizeBinary(width) => logical(Physical::FIXED_LEN_BYTE_ARRAY, LogicalType::Uuid).with_length(*width),
        other => return Err(ParquetError::NYI(format!("a column of type {other}"))),
    };
    builder.build()
}

/// Physical type by precision, as the encoder chooses it.
fn decimal<'a>(new: impl Fn(Physical) -> PrimitiveTypeBuilder<'a>, precision: u8, scale: i8) -> PrimitiveTypeBuilder<'a> {
    let (precision_i, scale_i) = (i32::from(precision), i32::from(scale));
    let builder = match precision {
        2..=9 => new(Physical::INT32),
        0..=18 => new(Physical::INT64),
        _ => new(Physical::FIXED_LEN_BYTE_ARRAY).with_length(decimal_width(precision)),
    };
    builder.with_precision(precision_i).with_scale(scale_i).with_logical_type(Some(LogicalType::decimal(scale_i, precision_i)))
}

/// Bytes of the smallest two's complement number with that many digits.
fn decimal_width(precision: u8) -> i32 {
    // One bit for the sign; the logarithm is never close enough to a whole number for the precision of floating point to matter.
    let bits = f64::from(precision) * std::f64::consts::LOG2_10 + 1.0;
    (1..=32).find(|width| f64::from(8 * width) >= bits).unwrap_or(32)
}

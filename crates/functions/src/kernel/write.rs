//! Building result columns, within the size one batch may take.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveArray, PrimitiveBuilder, StringViewBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, UInt32Type,
};

use crate::failure::{self, Outcome, batch_too_large, too_large};

/// Bytes of text or binary one batch of results may hold.
pub(crate) const BATCH_BYTES_MAX: usize = 256 << 20;
/// Bytes PostgreSQL allows in one value.
pub(crate) const VALUE_BYTES_MAX: usize = (1 << 30) - 5;

/// A value a function can return.
pub(crate) trait Write: Sized {
    /// Collects one value per row.
    type Builder;

    fn builder(rows: usize) -> Self::Builder;
    fn append(builder: &mut Self::Builder, value: Option<Self>) -> Outcome<()>;
    /// Ends the column. `data_type`: the Arrow type of the function's result.
    fn finish(builder: Self::Builder, data_type: &DataType) -> Outcome<ArrayRef>;
}

/// Relabels a column of the same physical layout, such as 64 bit integers as timestamps.
pub(crate) fn relabel<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, data_type: &DataType) -> Outcome<ArrayRef> {
    use arrow::array::Array;
    if array.data_type() == data_type {
        return Ok(Arc::new(array.clone()));
    }
    let data = array.to_data().into_builder().data_type(data_type.clone()).build().map_err(|error| failure::arrow(&error))?;
    Ok(arrow::array::make_array(data))
}

macro_rules! primitives {
    ($($native:ty => $arrow:ty;)*) => {
        $(
            impl Write for $native {
                type Builder = PrimitiveBuilder<$arrow>;

                fn builder(rows: usize) -> Self::Builder {
                    PrimitiveBuilder::with_capacity(rows)
                }

                fn append(builder: &mut Self::Builder, value: Option<Self>) -> Outcome<()> {
                    builder.append_option(value);
                    Ok(())
                }

                fn finish(mut builder: Self::Builder, data_type: &DataType) -> Outcome<ArrayRef> {
                    relabel(&builder.finish(), data_type)
                }
            }
        )*
    };
}

primitives! {
    i16 => Int16Type;
    i32 => Int32Type;
    i64 => Int64Type;
    u32 => UInt32Type;
    f32 => Float32Type;
    f64 => Float64Type;
    i128 => Decimal128Type;
    IntervalMonthDayNano => IntervalMonthDayNanoType;
}

impl Write for bool {
    type Builder = BooleanBuilder;

    fn builder(rows: usize) -> Self::Builder {
        BooleanBuilder::with_capacity(rows)
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> Outcome<()> {
        builder.append_option(value);
        Ok(())
    }

    fn finish(mut builder: Self::Builder, _data_type: &DataType) -> Outcome<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

impl Write for [u8; 16] {
    type Builder = FixedSizeBinaryBuilder;

    fn builder(rows: usize) -> Self::Builder {
        FixedSizeBinaryBuilder::with_capacity(rows, 16)
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> Outcome<()> {
        match value {
            Some(value) => builder.append_value(value).map_err(|error| failure::arrow(&error))?,
            None => builder.append_null(),
        }
        Ok(())
    }

    fn finish(mut builder: Self::Builder, _data_type: &DataType) -> Outcome<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

impl Write for String {
    type Builder = TextBuilder;

    fn builder(rows: usize) -> Self::Builder {
        TextBuilder::new(rows)
    }

    fn append(builder: &mut Self::Builder, value: Option<Self>) -> Outcome<()> {
        match value {
            Some(value) => builder.append(&value),
            None => {
                builder.append_null();
                Ok(())
            }
        }
    }

    fn finish(builder: Self::Builder, _data_type: &DataType) -> Outcome<ArrayRef> {
        Ok(builder.finish())
    }
}

impl Write for Vec<u8> {
    type Builder = (BinaryBuilder, usize);

    fn builder(rows: usize) -> Self::Builder {
        (BinaryBuilder::with_capacity(rows, 0), BATCH_BYTES_MAX)
    }

    fn append((builder, left): &mut Self::Builder, value: Option<Self>) -> Outcome<()> {
        match value {
            Some(value) => {
                *left = left.checked_sub(value.len()).ok_or_else(batch_too_large)?;
                builder.append_value(value);
            }
            None => builder.append_null(),
        }
        Ok(())
    }

    fn finish((mut builder, _): Self::Builder, _data_type: &DataType) -> Outcome<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

/// A column of text under construction; refuses to grow beyond [`BATCH_BYTES_MAX`].
pub(crate) struct TextBuilder {
    builder: StringViewBuilder,
    left: usize,
}

impl TextBuilder {
    pub(crate) fn new(rows: usize) -> Self {
        Self { builder: StringViewBuilder::with_capacity(rows), left: BATCH_BYTES_MAX }
    }

    pub(crate) fn append(&mut self, value: &str) -> Outcome<()> {
        self.left = self.left.checked_sub(value.len()).ok_or_else(batch_too_large)?;
        self.builder.append_value(value);
        Ok(())
    }

    pub(crate) fn append_null(&mut self) {
        self.builder.append_null();
    }

    /// Whether a value of this many bytes may still be appended. Asked before memory is taken.
    pub(crate) fn admit(&self, bytes: usize) -> Outcome<()> {
        admit(bytes, self.left)
    }

    /// Bytes that may still be appended.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

fn admit(bytes: usize, left: usize) -> Outcome<()> {
    if bytes > VALUE_BYTES_MAX {
        return Err(too_large());
    }
    if bytes > left {
        return Err(batch_too_large());
    }
    Ok(())
}

/// The value of one row under construction, see [`TextBuilder`].
pub(crate) struct Out {
    pub(crate) text: String,
    left: usize,
}

impl Out {
    pub(crate) fn new() -> Self {
        Self { text: String::new(), left: BATCH_BYTES_MAX }
    }

    /// Makes ready for the next value.
    pub(crate) fn reset(&mut self, left: usize) {
        self.text.clear();
        self.left = left;
    }

    /// Asks for a value of this many bytes before it is built.
    pub(crate) fn admit(&self, bytes: usize) -> Outcome<()> {
        admit(bytes, self.left)
    }

    pub(crate) fn push(&mut self, c: char) {
        self.text.push(c);
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

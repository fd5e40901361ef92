//! Stands in for `kura_pgtypes::decode` until it is there.
use arrow::array::{Array, ArrayRef};
use kura_pgtypes::{OutputSettings, PgType, SqlError};

pub(crate) fn parse_array(_strings: &dyn Array, _ty: PgType, _settings: &OutputSettings) -> Result<ArrayRef, SqlError> {
    Err(crate::failure::internal("input functions are missing"))
}

//! `& | # ~ << >>` over integers.

use kura_pgtypes::PgType;

use crate::kernel::column::{Int2, Int4, Int8};
use crate::kernel::lift::{map1, map2};
use crate::math::{INT2, INT4, INT8};
use crate::registry::{Function, Returns};

pub(super) fn operators() -> Vec<Function> {
    const FIRST: Returns = Returns::SameAs(0);
    let mut all = vec![];
    macro_rules! bits {
        ($marker:ident, $native:ty, $ty:expr, $mask:literal) => {
            all.push(Function::new("&", &[$ty, $ty], FIRST, |call| map2::<$marker, $marker, $native>(call, |a, b| Ok(a & b))));
            all.push(Function::new("|", &[$ty, $ty], FIRST, |call| map2::<$marker, $marker, $native>(call, |a, b| Ok(a | b))));
            all.push(Function::new("#", &[$ty, $ty], FIRST, |call| map2::<$marker, $marker, $native>(call, |a, b| Ok(a ^ b))));
            all.push(Function::new("~", &[$ty], FIRST, |call| map1::<$marker, $native>(call, |a| Ok(!a))));
            // The processor counts the distance modulo the width, and so does PostgreSQL.
            all.push(Function::new("<<", &[$ty, INT4], FIRST, |call| {
                map2::<$marker, Int4, $native>(call, |a, b| Ok(a.wrapping_shl((b & $mask) as u32)))
            }));
            all.push(Function::new(">>", &[$ty, INT4], FIRST, |call| {
                map2::<$marker, Int4, $native>(call, |a, b| Ok(a.wrapping_shr((b & $mask) as u32)))
            }));
        };
    }
    bits!(Int4, i32, INT4, 31);
    bits!(Int8, i64, INT8, 63);
    all.push(Function::fixed("&", &[INT2, INT2], PgType::INT2, |call| map2::<Int2, Int2, i16>(call, |a, b| Ok(a & b))));
    all.push(Function::fixed("|", &[INT2, INT2], PgType::INT2, |call| map2::<Int2, Int2, i16>(call, |a, b| Ok(a | b))));
    all.push(Function::fixed("#", &[INT2, INT2], PgType::INT2, |call| map2::<Int2, Int2, i16>(call, |a, b| Ok(a ^ b))));
    all.push(Function::fixed("~", &[INT2], PgType::INT2, |call| map1::<Int2, i16>(call, |a| Ok(!a))));
    all.push(Function::fixed("<<", &[INT2, INT4], PgType::INT2, |call| {
        map2::<Int2, Int4, i16>(call, |a, b| Ok((i32::from(a).wrapping_shl((b & 31) as u32)) as i16))
    }));
    all.push(Function::fixed(">>", &[INT2, INT4], PgType::INT2, |call| {
        map2::<Int2, Int4, i16>(call, |a, b| Ok((i32::from(a).wrapping_shr((b & 31) as u32)) as i16))
    }));
    all
}

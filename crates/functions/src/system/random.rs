//! Chance: `random()`, `setseed()` and random UUIDs.
//!
//! After `setseed` a session's numbers come from a sequence the seed determines. Which row gets which of them is not
//! determined: rows are computed in parallel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::NullArray;
use kura_pgtypes::PgType;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use crate::failure::invalid_parameter;
use crate::kernel::column::Float8;
use crate::kernel::function;
use crate::kernel::lift::rows;
use crate::math::FLOAT8;
use crate::registry::Function;

/// Sessions whose seeds are remembered; beyond that the oldest session's is forgotten.
const SEEDED_MAX: usize = 1024;

/// The sequences of the sessions that called `setseed`, by their process number.
static SEEDED: Mutex<BTreeMap<i32, StdRng>> = Mutex::new(BTreeMap::new());

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("random", &[], PgType::FLOAT8, |call| {
            let session = call.session.backend_pid;
            function(call, move |args| {
                let mut seeded = SEEDED.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(source) = seeded.get_mut(&session) {
                    return rows::<f64>(args.rows, &PgType::FLOAT8.arrow(), |_| Ok(Some(source.random())));
                }
                drop(seeded);
                let mut source = rand::rng();
                rows::<f64>(args.rows, &PgType::FLOAT8.arrow(), |_| Ok(Some(source.random())))
            })
        })
        .volatile(),
        Function::fixed("setseed", &[FLOAT8], PgType::VOID, |call| {
            let session = call.session.backend_pid;
            function(call, move |args| {
                let seeds = args.column(0)?.read::<Float8>()?;
                for seed in (0..args.rows).filter_map(|row| seeds.get(row)) {
                    if !(-1.0..=1.0).contains(&seed) {
                        return Err(invalid_parameter(format!("setseed parameter {seed} is out of allowed range [-1,1]")));
                    }
                    let mut seeded = SEEDED.lock().unwrap_or_else(PoisonError::into_inner);
                    seeded.insert(session, StdRng::seed_from_u64(seed.to_bits()));
                    if seeded.len() > SEEDED_MAX {
                        seeded.pop_first();
                    }
                }
                Ok(Arc::new(NullArray::new(args.rows)))
            })
        })
        .volatile(),
        Function::fixed("gen_random_uuid", &[], PgType::UUID, |call| {
            function(call, |args| {
                let mut source = rand::rng();
                rows::<[u8; 16]>(args.rows, &PgType::UUID.arrow(), |_| Ok(Some(uuid(&mut source))))
            })
        })
        .volatile(),
    ]
}

/// A UUID of version 4.
fn uuid(source: &mut impl RngCore) -> [u8; 16] {
    let mut bytes = [0; 16];
    source.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

//! `hashtext` and `hashbytea`: PostgreSQL's hash, which is Bob Jenkins' lookup3.

use kura_pgtypes::PgType;

use crate::kernel::column::{Bytea, Text};
use crate::kernel::lift::map1;
use crate::registry::{ArgType, Function};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::fixed("hashtext", &[ArgType::Exact(PgType::TEXT)], PgType::INT4, |call| {
            map1::<Text, i32>(call, |a| Ok(hash(a.as_bytes()) as i32))
        }),
        Function::fixed("hashbytea", &[ArgType::Exact(PgType::BYTEA)], PgType::INT4, |call| {
            map1::<Bytea, i32>(call, |a| Ok(hash(a) as i32))
        }),
    ]
}

fn mix([mut a, mut b, mut c]: [u32; 3]) -> [u32; 3] {
    a = a.wrapping_sub(c) ^ c.rotate_left(4);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(6);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(8);
    b = b.wrapping_add(a);
    a = a.wrapping_sub(c) ^ c.rotate_left(16);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(19);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(4);
    b = b.wrapping_add(a);
    [a, b, c]
}

fn finish([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn hash(bytes: &[u8]) -> u32 {
    let start = 0x9e37_79b9_u32.wrapping_add(bytes.len() as u32).wrapping_add(3_923_095);
    let mut state = [start; 3];
    let chunks = bytes.chunks_exact(12);
    let rest = chunks.remainder();
    let add = |state: &mut [u32; 3], words: [u32; 3]| {
        for (part, word) in state.iter_mut().zip(words) {
            *part = part.wrapping_add(word);
        }
    };
    for chunk in chunks {
        add(&mut state, [word(&chunk[..4]), word(&chunk[4..8]), word(&chunk[8..])]);
        state = mix(state);
    }
    // The lowest byte of the last word is left to the length.
    let part = |from: usize, to: usize| word(&rest[from.min(rest.len())..to.min(rest.len())]);
    add(&mut state, [part(0, 4), part(4, 8), part(8, 12) << 8]);
    finish(state)
}

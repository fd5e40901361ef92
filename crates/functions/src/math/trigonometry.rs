//! Trigonometric and hyperbolic functions, in radians and degrees.

use kura_pgtypes::{PgType, SqlError, SqlState};

use super::{FLOAT8, checked, float};
use crate::failure::Outcome;
use crate::kernel::column::Float8;
use crate::kernel::lift::{map1, map2};
use crate::registry::Function;

pub(super) fn functions() -> Vec<Function> {
    let mut all = radians();
    all.extend(degrees());
    all
}

fn radians() -> Vec<Function> {
    vec![
        float("sin", |call| map1::<Float8, f64>(call, |a| finite(a).map(f64::sin))),
        float("cos", |call| map1::<Float8, f64>(call, |a| finite(a).map(f64::cos))),
        float("tan", |call| map1::<Float8, f64>(call, |a| finite(a).map(f64::tan))),
        float("cot", |call| map1::<Float8, f64>(call, |a| finite(a).map(|a| 1.0 / a.tan()))),
        float("asin", |call| map1::<Float8, f64>(call, |a| unit(a).map(f64::asin))),
        float("acos", |call| map1::<Float8, f64>(call, |a| unit(a).map(f64::acos))),
        float("atan", |call| map1::<Float8, f64>(call, |a| Ok(a.atan()))),
        Function::fixed("atan2", &[FLOAT8, FLOAT8], PgType::FLOAT8, |call| map2::<Float8, Float8, f64>(call, |a, b| Ok(a.atan2(b)))),
        float("sinh", |call| map1::<Float8, f64>(call, |a| Ok(a.sinh()))),
        float("cosh", |call| map1::<Float8, f64>(call, |a| Ok(a.cosh()))),
        float("tanh", |call| map1::<Float8, f64>(call, |a| Ok(a.tanh()))),
        float("asinh", |call| map1::<Float8, f64>(call, |a| Ok(a.asinh()))),
        float("acosh", |call| map1::<Float8, f64>(call, |a| if a < 1.0 { Err(input_out_of_range()) } else { Ok(a.acosh()) })),
        float("atanh", |call| map1::<Float8, f64>(call, |a| unit(a).map(f64::atanh))),
        float("degrees", |call| map1::<Float8, f64>(call, |a| checked(a.to_degrees(), a.is_finite(), false))),
        float("radians", |call| map1::<Float8, f64>(call, |a| Ok(a.to_radians()))),
    ]
}

fn degrees() -> Vec<Function> {
    vec![
        float("sind", |call| map1::<Float8, f64>(call, |a| finite(a).map(sine))),
        float("cosd", |call| map1::<Float8, f64>(call, |a| finite(a).map(|a| sine(90.0 - a.rem_euclid(360.0))))),
        float("tand", |call| map1::<Float8, f64>(call, |a| finite(a).map(|a| sine(a) / sine(90.0 - a.rem_euclid(360.0))))),
        float("cotd", |call| map1::<Float8, f64>(call, |a| finite(a).map(|a| sine(90.0 - a.rem_euclid(360.0)) / sine(a)))),
        float("asind", |call| map1::<Float8, f64>(call, |a| unit(a).map(|a| exact(a.asin().to_degrees())))),
        float("acosd", |call| map1::<Float8, f64>(call, |a| unit(a).map(|a| exact(a.acos().to_degrees())))),
        float("atand", |call| map1::<Float8, f64>(call, |a| Ok(exact(a.atan().to_degrees())))),
        Function::fixed("atan2d", &[FLOAT8, FLOAT8], PgType::FLOAT8, |call| {
            map2::<Float8, Float8, f64>(call, |a, b| Ok(exact(a.atan2(b).to_degrees())))
        }),
    ]
}

fn input_out_of_range() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")
}

fn finite(a: f64) -> Outcome<f64> {
    if a.is_infinite() { Err(input_out_of_range()) } else { Ok(a) }
}

fn unit(a: f64) -> Outcome<f64> {
    if (-1.0..=1.0).contains(&a) || a.is_nan() { Ok(a) } else { Err(input_out_of_range()) }
}

/// Degrees that are whole come out whole, as PostgreSQL takes care of.
fn exact(degrees: f64) -> f64 {
    let rounded = degrees.round();
    if (degrees - rounded).abs() < 1e-12 { rounded } else { degrees }
}

/// The sine of an angle in degrees, exact at the multiples of 30.
fn sine(degrees: f64) -> f64 {
    let angle = degrees.rem_euclid(360.0);
    let (angle, sign) = if angle > 180.0 { (angle - 180.0, -1.0) } else { (angle, 1.0) };
    let angle = if angle > 90.0 { 180.0 - angle } else { angle };
    let value = if angle == 0.0 {
        0.0
    } else if angle == 30.0 {
        0.5
    } else if angle == 90.0 {
        1.0
    } else {
        angle.to_radians().sin()
    };
    sign * value
}

//! Random numbers.

use super::arguments;
use crate::runtime::{Outcome, PrimitiveInfo, Runtime};
use crate::value::Value;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("random", 0, 1, random),
    PrimitiveInfo::fixed("random-seed", 1, |runtime, arguments| {
        let seed = arguments::integer(runtime, "random-seed", arguments[0])?;
        runtime.extensions.random.seed(seed as u64);
        Ok(arguments[0])
    }),
];

/// `(random n)`: an integer from 0 up to, not including, `n`; `(random)`: a double from 0.0 up to 1.0.
fn random(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let Some(limit) = arguments.first() else {
        let number = (runtime.extensions.random.draw() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
        return runtime.double(number);
    };
    let number = arguments::integer(runtime, "random", *limit)?;
    if limit.as_fixnum().is_none() || number < 1 {
        return Err(runtime.type_error("random", "an integer from 1 to 1152921504606846975", *limit));
    }
    Ok(Value::fixnum(runtime.extensions.random.below(number as u64) as i64))
}

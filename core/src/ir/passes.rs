//! Placeholder.
#![allow(missing_docs)]
use super::Function;
pub struct OptimisationFuel;
impl OptimisationFuel {
    pub fn unlimited() -> Self {
        Self
    }
    pub fn limited(_: u64) -> Self {
        Self
    }
}
pub fn optimise(_: &mut Function, _: &mut OptimisationFuel) {}

//! `object.field`.

use super::expression::Expression;
use super::{Expander, FormContext};
use crate::runtime::Symbol;

/// What a name with points in it means.
pub(super) enum Access {
    /// A field of an object: the object, and the field's name.
    Field(Expression, Expression),
    /// Either a variable of this name or a field: it is found out each time. The whole name, and the environment.
    Unknown(Expression, Expression),
}

impl Expander<'_> {
    /// `object.field`, where `object` is a variable, or itself such an access.
    pub fn field_access(&mut self, symbol: Symbol, place: FormContext) -> Option<Expression> {
        Some(match self.split_access(symbol, place)? {
            Access::Field(object, field) => self.call_global("%field", vec![object, field], place),
            Access::Unknown(name, environment) => {
                self.call_global("%variable-or-field", vec![name, environment], place)
            }
        })
    }

    /// The object and the field's name of an access, if the symbol is one. Free variables are looked at as they are when
    /// the form is expanded: one that is called like the access as a whole comes first; where there is neither, it is left
    /// open.
    pub fn split_access(&mut self, symbol: Symbol, place: FormContext) -> Option<Access> {
        let name = self.runtime.symbols.name(symbol);
        let mut segments = name.split('.');
        let variable = segments.next()?.to_string();
        let mut fields: Vec<String> = segments.map(String::from).collect();
        if variable.is_empty() || fields.is_empty() || fields.iter().any(String::is_empty) {
            return None;
        }
        let known = self.runtime.symbols.find(&variable);
        let lexical = known.is_some_and(|variable| self.scope.find(variable).is_some());
        if !lexical {
            if self.global_value(symbol).is_some() {
                return None;
            }
            if known.and_then(|variable| self.global_value(variable)).is_none() {
                let name = Expression::Constant(self.runtime.symbols.value(symbol));
                return Some(Access::Unknown(name, self.constant(self.environment)));
            }
        }
        let last = fields.pop()?;
        let mut object = self.reference(known?, place);
        for field in fields {
            let field = Expression::Constant(self.runtime.symbol_value(&field));
            object = self.call_global("%field", vec![object, field], place);
        }
        Some(Access::Field(object, Expression::Constant(self.runtime.symbol_value(&last))))
    }
}

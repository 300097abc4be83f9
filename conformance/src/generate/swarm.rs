//! Features of the language that a program may use. Every program draws a subset: leaving features out finds more
//! than a tuned mix, because what is in then meets each other more often.

use super::dice::Dice;

/// A feature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// Lambda expressions and calls of their values.
    Closures,
    /// Assignment of local variables, captured ones among them.
    Assignment,
    /// Named lets.
    NamedLet,
    /// While loops.
    While,
    /// `let*`.
    SequentialLet,
    /// Local recursive functions.
    Letrec,
    /// `try`, with handlers and final parts, and what they catch.
    Errors,
    /// `apply`.
    Apply,
    /// Rest parameters.
    Rest,
    /// Arrays, and their mutation.
    Arrays,
    /// Lists of anything.
    Lists,
    /// Strings and symbols.
    Text,
    /// Doubles.
    Doubles,
    /// Integer literals at the edges.
    Edges,
    /// Functions of up to 12 parameters.
    ManyParameters,
    /// Deeper nesting.
    Deep,
    /// Macros.
    Macros,
    /// Global variables that are assigned.
    Globals,
    /// Functions defined again between calls.
    Redefinition,
    /// Functions as parameters.
    HigherOrder,
    /// Functions that call themselves or each other in tail position with other argument counts.
    TailCalls,
    /// Recursion that is no tail call.
    Recursion,
    /// Nested environments.
    Environments,
    /// Output.
    Printing,
    /// Whole idioms that put several features to one use.
    Idioms,
}

impl Feature {
    const ALL: [Feature; 25] = {
        use Feature::*;
        [
            Closures,
            Assignment,
            NamedLet,
            While,
            SequentialLet,
            Letrec,
            Errors,
            Apply,
            Rest,
            Arrays,
            Lists,
            Text,
            Doubles,
            Edges,
            ManyParameters,
            Deep,
            Macros,
            Globals,
            Redefinition,
            HigherOrder,
            TailCalls,
            Recursion,
            Environments,
            Printing,
            Idioms,
        ]
    };
}

/// A set of features.
#[derive(Clone, Copy, Debug)]
pub struct Swarm(u32);

impl Swarm {
    /// Each feature with the same probability, which differs from program to program.
    pub fn draw(dice: &mut Dice) -> Swarm {
        let percent = *dice.pick(&[30, 50, 50, 70, 100]);
        let mut set = 0;
        for feature in Feature::ALL {
            if dice.chance(percent) {
                set |= 1 << feature as u32;
            }
        }
        Swarm(set)
    }

    /// Whether the feature is in the set.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u32 != 0
    }
}

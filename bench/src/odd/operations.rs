//! What is measured: the operations, and the operands that each is given.
//!
//! An operation is an expression with the operands `A` and `B` in it, so that other arguments can be fixed.

/// An operand: its name in tables, and the expression that makes it.
pub struct Operand {
    /// What it is.
    pub name: &'static str,
    /// Makes it.
    pub source: &'static str,
}

const fn operand(name: &'static str, source: &'static str) -> Operand {
    Operand { name, source }
}

/// Every operand. The two doubles differ in how they are stored.
pub const OPERANDS: &[Operand] = &[
    operand("nil", "()"),
    operand("true", "#t"),
    operand("zero", "0"),
    operand("fixnum", "7"),
    operand("negative", "-3"),
    operand("bignum", "123456789012345678901234567890"),
    operand("double", "2.5"),
    operand("boxed-double", "1e300"),
    operand("string", "\"abc\""),
    operand("symbol", "'abc"),
    operand("pair", "(list 1 2 3)"),
    operand("array", "(array-of 1 2 3)"),
    operand("table", "(list->table (list (cons 7 7) (cons 'abc 1)))"),
    operand("data", "(data 64)"),
    operand("function", "(lambda (x) x)"),
    operand("object", "(new <point> 1 2)"),
];

/// Operations on one operand, written as names of functions.
const UNARY: &str = "
    - / + ~ abs sqrt exp log sin cos tan asin acos atan floor ceiling round truncate exact->inexact inexact->exact
    zero? positive? negative? even? odd? number? integer? double? nan? number->string long->string double->string
    not null? pair? atom? list? function? type-of class-of symbol? string? array? table? data? expr? class? error?
    car cdr caar cadr cdar cddr caddr cdddr cadddr first second third last last-pair list list-length reverse list-copy
    length iota make-array array-of array-length array-copy array->list list->array concat-array
    make-string string-length string-copy string-upcase string-downcase string-trim string-split character->string
    string->list list->string string->array array->string concat-strings string-append print->string dump->string
    string->number string->long string->double string->symbol symbol->string concat-symbol
    table-length table-keys table-values table->list data-length string->data data->string
    error-kind error-message <point>-x norm A
";

/// Operations on two operands, written as names of functions.
const BINARY: &str = "
    + - * / quotient remainder modulo expt << >> & | ^ gcd lcm min max < <= > >= atan
    = != eq equal cons set-car set-cdr list append concat-list list-ref list-tail memq member member? assq assoc
    array-at array-of array-append array-append-all make-array concat-array
    string-at string-append string-index string-begins-with? string-ends-with? string-compare string<? string=?
    string-split concat-strings string-match make-string
    symbol-compare symbol<? concat-symbol table-at table-has? table-remove
    byte-at int16-at int32-at int64-at double-at is-a? norm
";

/// Operations with fixed arguments besides.
const WITH_OTHERS: &[&str] = &[
    "(+ A B 1)",
    "(< A B 9)",
    "(set-array-at A B 7)",
    "(set-array-at (array-of 1 2 3) A B)",
    "(set-string-at A B 98)",
    "(set-string-at \"abc\" A B)",
    "(set-table-at A B 7)",
    "(set-table-at A 7 B)",
    "(table-at A B 9)",
    "(set-byte-at A B 7)",
    "(set-byte-at A 7 B)",
    "(set-int32-at A 8 B)",
    "(set-int64-at A 8 B)",
    "(set-double-at A 8 B)",
    "(substring A 1 B)",
    "(string-replace A B \"x\")",
    "(subarray A 0 B)",
    "(array-fill A B)",
    "(set-<point>-x A B)",
    "(new <point> A B)",
    "(A B)",
    "(apply A (list B))",
    "(if A 1 2)",
    "(norm A 1 2)",
];

/// An operation on one or two operands.
pub struct Operation {
    /// The expression, with `A` and perhaps `B` in it.
    pub template: String,
    /// Whether it has a `B`.
    pub binary: bool,
}

impl Operation {
    fn new(template: String) -> Operation {
        let binary = words(&template).any(|word| word == "B");
        Operation { template, binary }
    }

    /// The expression with other expressions in the place of the operands.
    pub fn apply(&self, left: &str, right: &str) -> String {
        let mut text = String::new();
        let mut rest = self.template.as_str();
        while let Some(place) = rest.find(['A', 'B']) {
            text.push_str(&rest[..place]);
            text.push_str(if rest[place..].starts_with('A') { left } else { right });
            rest = &rest[place + 1..];
        }
        text + rest
    }

    /// Whether it compares operands of any kinds by what is in them.
    pub fn compares(&self) -> bool {
        ["(= A B)", "(!= A B)", "(equal A B)"].contains(&self.template.as_str())
    }

    /// Whether the operation may be tried on these: some results would fill the memory.
    fn bearable(&self, left: &Operand, right: &Operand) -> bool {
        let is = |names: &[&str]| names.iter().any(|name| self.template.starts_with(&format!("({name} ")));
        let large = |operand: &Operand| ["bignum", "boxed-double"].contains(&operand.name);
        let fills = is(&["expt", "<<"]) && large(right) || is(&["iota"]) && large(left);
        !fills
    }

    /// The pairs of operands to try; the second is of no account where there is no `B`.
    pub fn pairs(&self) -> Vec<(usize, Option<usize>)> {
        let all = 0..OPERANDS.len();
        let rights: Vec<Option<usize>> = if self.binary { all.clone().map(Some).collect() } else { vec![None] };
        all.flat_map(|left| rights.iter().map(move |right| (left, *right)))
            .filter(|(left, right)| self.bearable(&OPERANDS[*left], &OPERANDS[right.unwrap_or(0)]))
            .collect()
    }
}

fn words(template: &str) -> impl Iterator<Item = &str> {
    template.split(['(', ')', ' '])
}

/// All operations.
pub fn all() -> Vec<Operation> {
    let unary = UNARY.split_whitespace().map(|name| format!("({name}{})", if name == "A" { "" } else { " A" }));
    let binary = BINARY.split_whitespace().map(|name| format!("({name} A B)"));
    unary.chain(binary).chain(WITH_OTHERS.iter().map(|text| (*text).to_owned())).map(Operation::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_take_their_places() {
        let operation = Operation::new("(set-byte-at A 7 B)".into());
        assert!(operation.binary);
        assert_eq!(operation.apply("(car as)", "(car bs)"), "(set-byte-at (car as) 7 (car bs))");
        assert!(!Operation::new("(- A)".into()).binary);
    }

    #[test]
    fn no_operation_is_listed_twice() {
        let mut templates: Vec<String> = all().into_iter().map(|operation| operation.template).collect();
        let count = templates.len();
        templates.sort();
        templates.dedup();
        assert_eq!(templates.len(), count);
    }
}

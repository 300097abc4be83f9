//! From abstract syntax to the text of a program, broken into lines for people.

use super::syntax::{Expr, Form, Function, Item, Kind, Name, Program, Type};
use std::fmt;

/// Lines are broken so that they stay below this many columns where possible.
const WIDTH: usize = 90;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for item in &self.items {
            match item {
                Item::Limits(limits) => writeln!(f, "{limits}")?,
                item => {
                    for form in item_forms(item) {
                        writeln!(f, "{}", pretty(&form))?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Form::Atom(text) => f.write_str(text),
            Form::List(parts) => {
                f.write_str("(")?;
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        f.write_str(" ")?;
                    }
                    part.fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}

/// The text of a form in lines of bearable length.
pub fn pretty(form: &Form) -> String {
    let mut text = String::new();
    write_pretty(form, 0, &mut text);
    text
}

fn flat_width(form: &Form) -> usize {
    match form {
        Form::Atom(text) => text.chars().count(),
        Form::List(parts) => 1 + parts.iter().map(|part| flat_width(part) + 1).sum::<usize>(),
    }
}

fn write_pretty(form: &Form, indent: usize, text: &mut String) {
    let parts = match form {
        Form::List(parts) if parts.len() > 1 && indent + flat_width(form) > WIDTH => parts,
        _ => return text.push_str(&form.to_string()),
    };
    text.push('(');
    let head_is_short = matches!(&parts[0], Form::Atom(head) if head.len() <= 16);
    write_pretty(&parts[0], indent + 1, text);
    for (at, part) in parts.iter().enumerate().skip(1) {
        let beside = at == 1 && head_is_short && indent + 18 + flat_width(part) <= WIDTH;
        if beside {
            text.push(' ');
        } else {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent + 2));
        }
        write_pretty(part, indent + 2, text);
    }
    text.push(')');
}

fn list(parts: impl IntoIterator<Item = Form>) -> Form {
    Form::List(parts.into_iter().collect())
}

fn call(head: impl fmt::Display, parts: impl IntoIterator<Item = Form>) -> Form {
    list(std::iter::once(Form::atom(head)).chain(parts))
}

fn decrease(counter: Name) -> Form {
    call("-", [Form::atom(counter), Form::atom(1)])
}

fn exhausted(counter: Name) -> Form {
    call("<", [Form::atom(counter), Form::atom(1)])
}

fn bindings(names: &[Name], values: &[Expr]) -> Vec<Form> {
    names.iter().zip(values).map(|(name, value)| list([Form::atom(name), expr_form(value)])).collect()
}

/// The forms of a top-level item.
fn item_forms(item: &Item) -> Vec<Form> {
    vec![match item {
        Item::Function(function) => function_form(function),
        Item::Variable(name, value) => call("define", [Form::atom(name), expr_form(value)]),
        Item::Macro(name, parameters, template) => call(
            "define-form",
            [
                Form::atom(name),
                list(parameters.iter().map(Form::atom)),
                Form::Atom(format!("`{}", expr_form(template))),
            ],
        ),
        Item::Environment(name, functions) => {
            let made = call("define", [Form::atom(name), Form::atom("(make-environment *program-environment*)")]);
            let inside = functions.iter().map(function_form);
            return vec![made, call("with-environment", std::iter::once(Form::atom(name)).chain(inside))];
        }
        Item::Show(expr) => expr_form(expr),
        Item::Form(form) => form.clone(),
        Item::Limits(limits) => Form::Atom(limits.to_string()),
    }]
}

fn function_form(function: &Function) -> Form {
    let fuel = function.fuel.iter().map(|(name, _)| Form::atom(name));
    let mut parameters: Vec<Form> = fuel.chain(function.parameters.iter().map(|(name, _)| Form::atom(name))).collect();
    if let Some(rest) = function.rest {
        parameters.extend([Form::atom("."), Form::atom(rest)]);
    }
    let body = match &function.fuel {
        None => expr_form(&function.body),
        Some((fuel, base)) => call("if", [exhausted(*fuel), expr_form(base), expr_form(&function.body)]),
    };
    let name = Form::atom(function.name);
    match function.style {
        0 => call("define", [list(std::iter::once(name).chain(parameters)), body]),
        1 => call("define-function", [name, parameter_list(parameters), body]),
        _ => call("define", [name, call("lambda", [parameter_list(parameters), body])]),
    }
}

/// `(. rest)` is spelled `rest`.
fn parameter_list(parameters: Vec<Form>) -> Form {
    match parameters.as_slice() {
        [Form::Atom(dot), rest] if dot == "." => rest.clone(),
        _ => Form::List(parameters),
    }
}

/// The form of an expression.
pub fn expr_form(expr: &Expr) -> Form {
    let forms = |children: &[Expr]| children.iter().map(expr_form).collect::<Vec<_>>();
    let all = || forms(&expr.children);
    let children = &expr.children;
    match &expr.kind {
        Kind::Integer(text) | Kind::Verbatim(text) => Form::atom(text),
        Kind::Double(value) => Form::Atom(double_text(*value)),
        Kind::Text(text) => Form::Atom(string_text(text)),
        Kind::Symbol(name) => Form::Atom(format!("'{name}")),
        Kind::Truth(true) => Form::atom("#t"),
        Kind::Truth(false) => Form::atom("#f"),
        Kind::EmptyList => Form::atom("'()"),
        Kind::Variable(name) => Form::atom(name),
        Kind::Unquoted(name) => Form::Atom(format!(",{name}")),
        Kind::Primitive(name) => call(name, all()),
        Kind::Sequence => call("let", std::iter::once(list([])).chain(all())),
        Kind::Let { sequential } => {
            let (body, values) = children.split_last().expect("a let has a body");
            let head = if *sequential { "let*" } else { "let" };
            call(head, [list(bindings(&expr.names, values)), expr_form(body)])
        }
        Kind::Set(name) => call("set", std::iter::once(Form::atom(name)).chain(all())),
        Kind::While { counter, turns } => while_form(*counter, *turns, children),
        Kind::Loop { name, counter, turns } => {
            let (values, rest) = children.split_at(expr.names.len());
            let count = list([Form::atom(counter), Form::atom(turns)]);
            let bound = std::iter::once(count).chain(bindings(&expr.names, values));
            let body = call("if", [exhausted(*counter), expr_form(&rest[0]), expr_form(&rest[1])]);
            call("let", [Form::atom(name), list(bound), body])
        }
        Kind::Letrec(_) => letrec_form(expr),
        Kind::Again { function, counter } => call(function, std::iter::once(decrease(*counter)).chain(all())),
        Kind::Start { function, turns } => call(function, std::iter::once(Form::atom(turns)).chain(all())),
        Kind::Lambda { rest } => lambda_form(expr, *rest),
        Kind::Call => list(all()),
        Kind::Apply { written } => {
            let (direct, spread) = children.split_at(written + 1);
            call("apply", forms(direct).into_iter().chain([call("list", forms(spread))]))
        }
        Kind::Macro(name) => call(name, all()),
        Kind::Nested { environment, function } => {
            let found = call("environment-ref", [Form::atom(environment), Form::Atom(format!("'{function}"))]);
            list(std::iter::once(found).chain(all()))
        }
        Kind::Try { handler, finally } => try_form(children, *handler, *finally),
        Kind::Raise(message) => call("error", std::iter::once(Form::Atom(string_text(message))).chain(all())),
    }
}

fn while_form(counter: Name, turns: u32, children: &[Expr]) -> Form {
    let (result, statements) = children.split_last().expect("a while loop has a value");
    let test = call("<", [Form::atom(counter), Form::atom(turns)]);
    let step = Form::Atom(format!("(set {counter} (+ {counter} 1))"));
    let body = [test].into_iter().chain(statements.iter().map(expr_form)).chain([step]);
    call("let", [list([list([Form::atom(counter), Form::atom(0)])]), call("while", body), expr_form(result)])
}

fn letrec_form(expr: &Expr) -> Form {
    let Kind::Letrec(locals) = &expr.kind else { unreachable!("called for a letrec") };
    let (body, parts) = expr.children.split_last().expect("a letrec has a body");
    let mut names = expr.names.iter();
    let functions = locals.iter().zip(parts.chunks(2)).map(|(local, parts)| {
        let own = names.by_ref().take(local.parameters).map(Form::atom);
        let parameters = list(std::iter::once(Form::atom(local.fuel)).chain(own));
        let body = call("if", [exhausted(local.fuel), expr_form(&parts[0]), expr_form(&parts[1])]);
        list([Form::atom(local.name), call("lambda", [parameters, body])])
    });
    call("letrec", [list(functions.collect::<Vec<_>>()), expr_form(body)])
}

fn lambda_form(expr: &Expr, rest: bool) -> Form {
    let mut parameters: Vec<Form> = expr.names.iter().map(Form::atom).collect();
    if rest {
        let last = parameters.len() - 1;
        parameters.insert(last, Form::atom("."));
    }
    call("lambda", [parameter_list(parameters), expr_form(&expr.children[0])])
}

fn try_form(children: &[Expr], handler: Option<Name>, finally: bool) -> Form {
    let mut parts = vec![expr_form(&children[0])];
    if let Some(name) = handler {
        parts.push(call("catch", [list([Form::atom(name)]), expr_form(&children[1])]));
    }
    if finally {
        parts.push(call("finally", [expr_form(children.last().expect("a final part"))]));
    }
    call("try", parts)
}

/// How a double is written so that it reads back.
pub fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "+nan.0".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+inf.0" } else { "-inf.0" }.into();
    }
    format!("{value:?}")
}

fn string_text(text: &str) -> String {
    let mut written = String::from('"');
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Type::List(element) => write!(f, "list of {element}"),
            Type::Array(element) => write!(f, "array of {element}"),
            Type::Function(parameters, result) => {
                f.write_str("function (")?;
                for parameter in parameters {
                    write!(f, "{parameter}, ")?;
                }
                write!(f, ") to {result}")
            }
            other => write!(f, "{}", format!("{other:?}").to_lowercase()),
        }
    }
}

//! Evaluating a program's text in a runtime, form by form, and looking at what comes out.

use crate::files;
use crate::limits::Limits;
use crate::outcome::{Compiled, FormResult, Observation, Outcome};
use maru_compiler::unit::HasUnits;
use maru_core::abi::layout::{offset, Kind, Value, EXIT};
use maru_core::abi::Position;
use maru_core::ir::coverage;
use maru_language::interp;
use maru_language::runtime::{Failure, Runtime};
use maru_language::syntax::print::{text, Style};
use maru_language::syntax::Reader;

/// The name by which a program knows the environment that it runs in.
const PROGRAM_ENVIRONMENT: &str = "*program-environment*";

/// Run a program in a new environment up to its end or its first uncaught error; with limits, it uses up its own.
pub fn program(runtime: &mut Runtime, text: &str, limits: Option<Limits>) -> Observation {
    if let Some(limits) = limits {
        limits.grant(runtime);
    }
    let mut evaluation = Evaluation::new(runtime, text, true);
    let mut total = Observation::ended(Outcome::Value);
    while let Some(result) = evaluation.next() {
        total.values.extend(result.observation.values);
        total.output.push_str(&result.observation.output);
        total.outcome = result.observation.outcome;
        if total.outcome != Outcome::Value {
            break;
        }
    }
    total.fuel = limits.and_then(|limits| limits.fuel).map(|_| evaluation.runtime.context.fuel);
    total.compiled = evaluation.finish();
    total
}

/// Run each form of a text in the global environment; errors end a form only. Limits are those of each form.
pub fn script(runtime: &mut Runtime, text: &str, limits: Option<Limits>) -> Vec<FormResult> {
    let mut evaluation = Evaluation::new(runtime, text, false);
    let next = || {
        match limits {
            Some(limits) => limits.grant(evaluation.runtime),
            None => evaluation.runtime.refill(),
        }
        evaluation.next()
    };
    let results: Vec<FormResult> = std::iter::from_fn(next).collect();
    evaluation.finish();
    results
}

struct Evaluation<'a> {
    runtime: &'a mut Runtime,
    reader: Reader,
    /// The text's number among the runtime's sources.
    source: u32,
    /// The environment is root number `base`; roots from there on are this evaluation's.
    base: usize,
    units: u64,
    /// Nothing can be evaluated any more.
    over: bool,
}

impl Evaluation<'_> {
    fn new<'a>(runtime: &'a mut Runtime, text: &str, nested: bool) -> Evaluation<'a> {
        let source = runtime.sources.add("program.l", text.to_string());
        let reader = Reader::new(source, text);
        let base = runtime.roots.len();
        let global = runtime.global_environment();
        let environment = match nested {
            true => runtime.make_environment(Some(global)).unwrap_or(runtime.global),
            false => runtime.global,
        };
        runtime.roots.push(environment);
        let index = runtime.index(environment);
        runtime.define(index, PROGRAM_ENVIRONMENT, environment);
        let units = runtime.native.units().statistics.units;
        if runtime.options.evaluator {
            coverage::record();
        }
        Evaluation { runtime, reader, source, base, units, over: false }
    }

    /// Evaluate the next form.
    fn next(&mut self) -> Option<FormResult> {
        if self.over {
            return None;
        }
        let form = match self.reader.next(self.runtime) {
            Ok(None) => return None,
            Ok(Some(form)) => Ok(form),
            Err(error) => {
                // Past a syntax error there may be anything.
                self.over = true;
                Err(error.raise(self.runtime))
            }
        };
        let environment = self.runtime.roots[self.base];
        self.runtime.captures.push(Default::default());
        let result = form.and_then(|form| interp::evaluate_toplevel(self.runtime, form, environment));
        let observation = self.observe(result);
        Some(FormResult { end: self.reader.offset(), observation })
    }

    fn observe(&mut self, result: Result<Value, Failure>) -> Observation {
        let mut observation = match result {
            Ok(value) => {
                self.runtime.roots.push(value);
                let text = self.dump(value);
                let mut observation = Observation::ended(Outcome::Value);
                observation.values.push(text);
                observation
            }
            Err(Failure) => Observation::ended(self.error()),
        };
        self.runtime.roots.truncate(self.base + 1);
        observation.output = self.runtime.captures.pop().unwrap_or_default().into_text();
        observation
    }

    fn error(&mut self) -> Outcome {
        let error = self.runtime.take_failure();
        if error == Value(EXIT) {
            let status = self.runtime.extensions.exit_status.take();
            return Outcome::Exit(i64::from(status.unwrap_or(0)));
        }
        self.runtime.roots.push(error);
        if !self.runtime.is_kind(error, Kind::Error) {
            // Any value may be raised.
            let irritants = self.dump(error);
            let (kind, message, frames) = ("raised".into(), String::new(), String::new());
            let position = self.place(self.runtime.extensions.raised_at.to_value());
            return Outcome::Error { kind, message, irritants, position, frames };
        }
        let part = |runtime: &Runtime, offset| runtime.field(error, offset);
        let kind = self.dump(part(self.runtime, offset::ERROR_KIND));
        let message = self.dump(part(self.runtime, offset::ERROR_MESSAGE));
        let irritants = match part(self.runtime, offset::ERROR_IRRITANTS) {
            Value::NIL => "()".to_string(),
            list => self.dump(list),
        };
        let position = self.place(part(self.runtime, offset::ERROR_POSITION));
        let frames = self.frames(error);
        Outcome::Error { kind, message, irritants, position, frames }
    }

    fn place(&self, position: Value) -> Option<(u32, u32)> {
        let position = Position::from_value(position);
        self.runtime.sources.locate(position).map(|(_, line, column)| (line, column))
    }

    /// A backtrace as text.
    fn frames(&self, error: Value) -> String {
        let (frames, dropped) = self.runtime.frames(error);
        let mut texts: Vec<String> = Vec::new();
        for frame in frames {
            let (line, column) = self.place(frame.position.to_value()).unwrap_or((0, 0));
            let times = if frame.count > 1 { format!(" ×{}", frame.count) } else { String::new() };
            texts.push(format!("{} {line}:{column}{times}", self.dump(frame.name)));
        }
        if dropped > 0 {
            texts.push(format!("… {dropped}"));
        }
        texts.join(", ")
    }

    fn dump(&self, value: Value) -> String {
        text(self.runtime, value, Style::Dump)
    }

    /// What was compiled, and whether something could not be.
    fn finish(self) -> Compiled {
        let units = self.runtime.native.units().statistics.units - self.units;
        self.runtime.roots.truncate(self.base);
        let mut refused = Vec::new();
        for index in self.runtime.prototypes.indices() {
            let Some(prototype) = self.runtime.prototypes.find(index) else { continue };
            if prototype.position.source == self.source {
                if let Some(reason) = &*prototype.native.failure.borrow() {
                    refused.push(format!("{}: {reason}", self.dump(prototype.name)));
                }
            }
        }
        let (files, bad_files) = files::take_inspected();
        let executed = coverage::recorded().into_iter().collect();
        Compiled { units, refused, files, bad_files, executed }
    }
}

//! The linear form as text, for people: what a unit's functions look like between tree and IR.
//!
//! ```text
//! linear fib: 1 parameter, 8 registers
//! b0:
//!   r2 = 2
//!   if < [Order(Lt)] r0 r2 ? b1 : b2           ; fib.l:2:6
//! b1:
//!   return r0
//! ```
//!
//! `fN` is a function of the unit, by number; a block's `handler` is where its errors go. The comments say where in the
//! text an operation stands; in an inlined body, followed by the calls that it stands in place of.

use super::linear::{Callee, End, InlinedCall, Instr, Linear, LinearBlock, Operator, PrimitiveCall, Reg, Site};
use super::UnitContext;
use maru_core::abi::layout::Value;
use maru_language::runtime::tree::Prototype;
use maru_language::runtime::CellId;
use maru_language::syntax::print;
use std::fmt::Write;

/// The longest that a constant is written.
const LONGEST_CONSTANT: usize = 60;
/// The column at which places stand.
const PLACES: usize = 44;

/// The text of a function's linear form.
pub(super) fn text(unit: &UnitContext, flow: &Linear, prototype: &Prototype) -> String {
    let writer = Writer { unit };
    let plural = |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "linear {}: {}, {}\n",
        writer.value(prototype.name),
        plural(flow.parameters, "parameter"),
        plural(flow.registers, "register")
    );
    for (number, block) in flow.blocks.iter().enumerate() {
        writer.block(number, block, &mut text);
    }
    text
}

struct Writer<'u, 'r> {
    unit: &'u UnitContext<'r>,
}

impl Writer<'_, '_> {
    fn block(&self, number: usize, block: &LinearBlock, text: &mut String) {
        let mut marks = String::new();
        if block.is_loop {
            marks.push_str(" loop");
        } else if block.in_loop {
            marks.push_str(" in-loop");
        }
        if let Some(handler) = block.handler {
            let _ = write!(marks, " handler {handler}");
        }
        if let Some(site) = block.site {
            let _ = write!(marks, " site r{site}");
        }
        let _ = writeln!(text, "b{number}:{marks}");
        for instr in &block.instrs {
            self.line(&self.instr(instr), instr.site(), text);
        }
        self.line(&self.end(&block.end), end_site(&block.end), text);
    }

    fn line(&self, what: &str, site: Option<Site>, text: &mut String) {
        match site.map(|site| self.place(site)).filter(|place| !place.is_empty()) {
            Some(place) => drop(writeln!(text, "  {what:<PLACES$} ; {place}")),
            None => drop(writeln!(text, "  {what}")),
        }
    }

    /// Where a site stands, and the calls around it.
    fn place(&self, site: Site) -> String {
        let (mut places, mut next) = (Vec::new(), Some(site));
        while let Some(site) = next.and_then(|site| self.unit.sites.get(site.0 as usize)) {
            let found = self.unit.runtime.sources.locate(site.position);
            places.extend(found.map(|(file, line, column)| format!("{file}:{line}:{column}")));
            next = site.outer;
        }
        places.join(" in ")
    }

    fn value(&self, value: Value) -> String {
        print::text_within(self.unit.runtime, value, print::Style::Dump, LONGEST_CONSTANT)
    }

    fn cell(&self, cell: CellId) -> String {
        let symbol = self.unit.runtime.cells.get(cell).symbol;
        self.value(self.unit.runtime.symbols.value(symbol))
    }

    /// An operator: its name, and the register that has it where it is read early.
    fn operator(&self, operator: &Operator) -> String {
        let early = operator.early.map_or(String::new(), |register| format!("@r{register}"));
        self.cell(operator.cell) + &early
    }

    fn callee(&self, callee: &Callee) -> String {
        match callee {
            Callee::Cell(operator) => self.operator(operator),
            Callee::KnownCell(operator, function) => format!("{}=f{function}", self.operator(operator)),
            Callee::Register(register) => format!("r{register}"),
            Callee::Chooser(register, keys) => format!("r{register} by {keys}"),
            Callee::Known(register, function) => format!("r{register}=f{function}"),
        }
    }

    fn prototype(&self, prototype: &Prototype) -> String {
        format!("lambda {}", self.value(prototype.name))
    }

    fn primitive(&self, call: &PrimitiveCall) -> String {
        let (operator, arguments) = (self.operator(&call.operator), registers(&call.arguments));
        format!("{operator} [{:?}]{arguments}", call.intrinsic)
    }

    fn inlined(&self, call: &InlinedCall) -> String {
        self.operator(&call.operator) + &registers(&call.arguments)
    }

    fn instr(&self, instr: &Instr) -> String {
        let what = match instr {
            Instr::Move(_, from) => format!("r{from}"),
            Instr::Immediate(_, value) | Instr::Constant(_, value) => self.value(*value),
            Instr::Captured(_, index) => format!("captured {index}"),
            Instr::NewBox(_, value) => format!("new-box r{value}"),
            Instr::BoxGet(_, from) => format!("unbox r{from}"),
            Instr::BoxSet(to, value) => format!("set-box r{to} r{value}"),
            Instr::Global(_, cell, bound, _) => {
                format!("global {}{}", self.cell(*cell), if *bound { "" } else { " if bound" })
            }
            Instr::Known(_, value, cell) => format!("constant {} of {}", self.value(*value), self.cell(*cell)),
            Instr::SetGlobal(cell, value, _) => format!("set-global {} r{value}", self.cell(*cell)),
            Instr::Define(cell, value, constant, _) => {
                let what = if *constant { "define-constant" } else { "define" };
                format!("{what} {} r{value}", self.cell(*cell))
            }
            Instr::Operator(_) => "operator".to_string(),
            Instr::Primitive(_, call) => self.primitive(call),
            Instr::Call(_, callee, arguments, _) => format!("call {}{}", self.callee(callee), registers(arguments)),
            Instr::Closure(_, prototype, captures, _) => {
                format!("closure {}{}", self.prototype(prototype), registers(captures))
            }
            Instr::SetCapture(closure, index, value) => format!("set-captured r{closure} {index} r{value}"),
            Instr::Catch(_, everything) => format!("catch{}", if *everything { " everything" } else { "" }),
            Instr::WithEnvironment(_, environment, prototype, captures, _) => {
                format!("with-environment r{environment} {}{}", self.prototype(prototype), registers(captures))
            }
            Instr::Poll(_) => "poll".to_string(),
            Instr::FrameLoad(_) => "frame-load".to_string(),
            Instr::FrameStore(slots) => format!("frame-store{}", registers(slots)),
        };
        match instr.defines() {
            Some(register) => format!("r{register} = {what}"),
            None => what,
        }
    }

    fn end(&self, end: &End) -> String {
        match end {
            End::Jump(to) => format!("jump {to}"),
            End::If(test, yes, no) => format!("if r{test} ? {yes} : {no}"),
            End::Test(call, yes, no) => format!("if {} ? {yes} : {no}", self.primitive(call)),
            End::Inline { call, result, body, after } => {
                format!("inline {} ? {body} : r{result} = call, {after}", self.inlined(call))
            }
            End::InlineTail(call, body) => format!("inline {} ? {body} : tail-call", self.inlined(call)),
            End::Return(value) => format!("return r{value}"),
            End::TailCall(callee, arguments, _) => {
                format!("tail-call {}{}", self.callee(callee), registers(arguments))
            }
            End::Raise(error, site) => format!("raise r{error} from r{site}"),
            End::Unreachable => "unreachable".to_string(),
        }
    }
}

fn end_site(end: &End) -> Option<Site> {
    match end {
        End::Test(call, ..) => Some(call.site),
        End::Inline { call, .. } | End::InlineTail(call, _) => Some(call.site),
        End::TailCall(.., site) => Some(*site),
        End::Jump(_) | End::If(..) | End::Return(_) | End::Raise(..) | End::Unreachable => None,
    }
}

fn registers(registers: &[Reg]) -> String {
    registers.iter().fold(String::new(), |text, register| text + &format!(" r{register}"))
}

//! Reading functions from their text form, which [`super::print`] describes and writes.
//!
//! Numbers of values are kept; blocks must be numbered from 0 in order of appearance. What is read is well-formed
//! but not verified.

use super::narrow::{Carrying, WideMul};
use super::print::is_plain_name;
use super::*;
use lexer::{Token, Tokens};

mod lexer;

/// Where and why a text is no function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What was wrong.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}
impl std::error::Error for ParseError {}

/// Values are numbered below this.
const MAX_VALUES: u64 = 1 << 20;

type Parsed<T> = Result<T, ParseError>;

/// Read all functions of a text; the first is `f0`.
///
/// # Errors
/// Where the text is not of the form that `print` writes.
pub fn parse(text: &str) -> Result<Vec<Function>, ParseError> {
    let mut tokens = Tokens::new(text)?;
    let mut functions = Vec::new();
    loop {
        tokens.skip_line_ends();
        if tokens.at_end() {
            return Ok(functions);
        }
        functions.push(Parser { tokens: &mut tokens, types: Vec::new(), uses: Vec::new() }.function()?);
    }
}

/// Reads one function.
struct Parser<'a, 't> {
    tokens: &'a mut Tokens<'t>,
    /// Types of the values defined so far; the text may use a value before its definition.
    types: Vec<Option<Type>>,
    /// Each use of a value not yet defined, with its place.
    uses: Vec<(Val, (usize, usize))>,
}

impl Parser<'_, '_> {
    fn function(mut self) -> Parsed<Function> {
        let convention = if self.tokens.take_word("entry") { Convention::Entry } else { Convention::Maru };
        let word = if self.tokens.take_word("narrow") { WordWidth::Four } else { WordWidth::Eight };
        self.tokens.expect_word("function")?;
        let name = self.name()?;
        self.tokens.expect('(')?;
        let parameters = self.parameters()?;
        let result = self.result_type()?;
        self.tokens.expect('{')?;
        self.tokens.expect_line_end()?;
        let mut blocks: Vec<BlockData> = Vec::new();
        let mut lines = Vec::new();
        while !self.tokens.take('}') {
            let number = self.numbered('b', "block")?;
            if number != blocks.len() as u64 {
                return self.tokens.fail_before(format!("expected block b{}", blocks.len()));
            }
            let entry_parameters = if number == 0 { Some(parameters.clone()) } else { None };
            blocks.push(self.block(Block(number as u32), entry_parameters, &mut lines)?);
        }
        if blocks.is_empty() {
            return self.tokens.fail_before("a function needs a block b0".into());
        }
        self.finish_types(&mut blocks)?;
        let types: Vec<Type> = self.types.iter().map(|of| of.unwrap_or(Type::Word)).collect();
        let signature = Signature {
            convention,
            parameters: parameters.iter().map(|value| types[value.0 as usize]).collect(),
            result,
        };
        Ok(Function { name, word, signature, blocks, types, lines })
    }

    /// Check that all that is used is defined; give calls the types of their arguments.
    fn finish_types(&mut self, blocks: &mut [BlockData]) -> Parsed<()> {
        for &(value, (line, column)) in &self.uses {
            if self.types.get(value.0 as usize).copied().flatten().is_none() {
                return Err(ParseError { line, column, message: format!("{value} is not defined") });
            }
        }
        let types_of = |arguments: &[Val]| {
            let of = |value: &Val| self.types[value.0 as usize].unwrap_or(Type::Word);
            arguments.iter().map(of).collect()
        };
        for block in blocks {
            for inst in &mut block.insts {
                if let Op::Call(_, arguments, signature) = &mut inst.op {
                    signature.parameters = types_of(arguments);
                }
            }
            if let Terminator::TailCall(_, arguments, signature) = &mut block.terminator {
                signature.parameters = types_of(arguments);
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Parsed<String> {
        match self.tokens.next() {
            Token::Word(word) if is_plain_name(word) => Ok(word.into()),
            Token::Quoted(name) => Ok(name),
            _ => self.tokens.fail_before("expected the function's name".into()),
        }
    }

    /// `v1: w, v2: d)`: defines them.
    fn parameters(&mut self) -> Parsed<Vec<Val>> {
        let mut parameters = Vec::new();
        while !self.tokens.take(')') {
            if !parameters.is_empty() {
                self.tokens.expect(',')?;
            }
            let value = Val(self.numbered('v', "value")? as u32);
            self.tokens.expect(':')?;
            let of = self.type_name()?;
            self.define(value, of)?;
            parameters.push(value);
        }
        Ok(parameters)
    }

    fn type_name(&mut self) -> Parsed<Type> {
        match self.tokens.next() {
            Token::Word("w") => Ok(Type::Word),
            Token::Word("d") => Ok(Type::Double),
            _ => self.tokens.fail_before("expected a type, w or d".into()),
        }
    }

    fn result_type(&mut self) -> Parsed<Type> {
        match self.tokens.next() {
            Token::Arrow if self.tokens.take_word("ww") => Ok(Type::Pair),
            Token::Arrow => self.type_name(),
            _ => self.tokens.fail_before("expected -> and the result's type".into()),
        }
    }

    /// `v12`, `b3`, `f0`: the number after the letter.
    fn numbered(&mut self, letter: char, what: &str) -> Parsed<u64> {
        if let Token::Word(word) = self.tokens.next() {
            let digits = word.strip_prefix(letter).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            if let Some(number) = digits.and_then(|digits| digits.parse().ok()).filter(|&number| number < MAX_VALUES) {
                return Ok(number);
            }
        }
        self.tokens.fail_before(format!("expected a {what} such as {letter}1"))
    }

    fn define(&mut self, value: Val, of: Type) -> Parsed<()> {
        let at = value.0 as usize;
        if self.types.len() <= at {
            self.types.resize(at + 1, None);
        }
        if self.types[at].replace(of).is_some() {
            return self.tokens.fail_before(format!("{value} is defined twice"));
        }
        Ok(())
    }

    fn value(&mut self) -> Parsed<Val> {
        let value = Val(self.numbered('v', "value")? as u32);
        if self.types.get(value.0 as usize).copied().flatten().is_none() {
            self.uses.push((value, self.tokens.place_before()));
        }
        Ok(value)
    }

    /// `(v1, v2)`.
    fn list(&mut self) -> Parsed<Vec<Val>> {
        self.tokens.expect('(')?;
        let mut values = Vec::new();
        while !self.tokens.take(')') {
            if !values.is_empty() {
                self.tokens.expect(',')?;
            }
            values.push(self.value()?);
        }
        Ok(values)
    }

    /// A block from after its name.
    fn block(
        &mut self,
        block: Block,
        entry_parameters: Option<Vec<Val>>,
        lines: &mut Vec<(Block, u32, u32)>,
    ) -> Parsed<BlockData> {
        let parameters = match entry_parameters {
            Some(parameters) => parameters,
            None if self.tokens.take('(') => self.parameters()?,
            None => Vec::new(),
        };
        let cold = self.tokens.take_word("cold");
        self.tokens.expect(':')?;
        self.tokens.expect_line_end()?;
        let mut insts = Vec::new();
        loop {
            let terminator = self.exit()?;
            if terminator.is_none() {
                insts.push(self.inst()?);
            }
            if self.tokens.take('@') {
                let line = self.small_number()?;
                lines.push((block, (insts.len() - usize::from(terminator.is_none())) as u32, line));
            }
            self.tokens.expect_line_end()?;
            if let Some(terminator) = terminator {
                return Ok(BlockData { parameters, insts, terminator, cold });
            }
        }
    }

    /// The exit, if the next line is one.
    fn exit(&mut self) -> Parsed<Option<Terminator>> {
        let Token::Word(word) = self.tokens.peek() else { return Ok(None) };
        if !matches!(word, "jump" | "branch" | "return" | "tail_call" | "unreachable") {
            return Ok(None);
        }
        self.tokens.next();
        Ok(Some(match word {
            "jump" => Terminator::Jump(self.target()?),
            "branch" => {
                let condition = self.condition()?;
                self.tokens.expect(',')?;
                let then = self.target()?;
                self.tokens.expect(',')?;
                Terminator::Branch(condition, then, self.target()?)
            }
            "return" => {
                let value = self.value()?;
                match self.tokens.peek() {
                    Token::Word(_) => Terminator::ReturnPair(value, self.value()?),
                    _ => Terminator::Return(value),
                }
            }
            "tail_call" => {
                let (callee, arguments, signature) = self.call()?;
                Terminator::TailCall(callee, arguments, signature)
            }
            _ => Terminator::Unreachable,
        }))
    }

    fn target(&mut self) -> Parsed<Target> {
        let block = Block(self.numbered('b', "block")? as u32);
        let arguments = if self.tokens.peek() == Token::Punctuation('(') { self.list()? } else { Vec::new() };
        Ok(Target { block, arguments })
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let Token::Word(word) = self.tokens.peek() else {
            return self.tokens.fail_here("expected a condition".into());
        };
        if let Some(op) = word.strip_prefix("compare.").and_then(Compare::from_name) {
            self.tokens.next();
            return Ok(Condition::Compare(op, self.value()?, self.value()?));
        }
        if let Some(op) = word.strip_prefix("float.").and_then(FloatCompare::from_name) {
            self.tokens.next();
            return Ok(Condition::FloatCompare(op, self.value()?, self.value()?));
        }
        if word == "has_tag" {
            self.tokens.next();
            return Ok(Condition::HasTag(self.mask()?, self.value()?));
        }
        Ok(Condition::NonZero(self.value()?))
    }

    /// A callee, its arguments, and the signature but for the types of the arguments.
    fn call(&mut self) -> Parsed<(Callee, Vec<Val>, Signature)> {
        let callee = if self.tokens.take('[') {
            let address = self.value()?;
            self.tokens.expect(']')?;
            Callee::Address(address)
        } else {
            Callee::Function(FunctionId(self.numbered('f', "function")? as u32))
        };
        let arguments = self.list()?;
        let result = self.result_type()?;
        Ok((callee, arguments, Signature { convention: Convention::Maru, parameters: Vec::new(), result }))
    }

    fn inst(&mut self) -> Parsed<Inst> {
        let mut results = [None; 2];
        let mut count = 0;
        let (line, column) = self.tokens.place_here();
        if matches!(self.tokens.peek(), Token::Word(word) if word.starts_with('v') && !word.contains('_')) {
            results[0] = Some(Val(self.numbered('v', "value")? as u32));
            count = 1;
            if self.tokens.take(',') {
                results[1] = Some(Val(self.numbered('v', "value")? as u32));
                count = 2;
            }
            self.tokens.expect('=')?;
        }
        let op = self.op()?;
        if count != op.results().len() {
            let message = format!("this operation has {} results, not {count}", op.results().len());
            return Err(ParseError { line, column, message });
        }
        for (value, &of) in results.iter().flatten().zip(op.results()) {
            self.define(*value, of)?;
        }
        Ok(Inst { op, results })
    }

    fn op(&mut self) -> Parsed<Op> {
        let Token::Word(word) = self.tokens.next() else {
            return self.tokens.fail_before("expected an operation".into());
        };
        Ok(match word {
            "const" => Op::Const(self.number()?),
            "float" => Op::FloatConst(self.number()? as u64),
            "has_tag" => Op::HasTag(self.mask()?, self.value()?),
            "int_to_float" => Op::IntToFloat(self.value()?),
            "float_to_int" => Op::FloatToInt(self.value()?),
            "float_bits" => Op::FloatBits(self.value()?),
            "float_from_bits" => Op::FloatFromBits(self.value()?),
            "data" => Op::LoadData(self.small_number()?),
            "function_address" => Op::FunctionAddress(FunctionId(self.numbered('f', "function")? as u32)),
            "helper" => {
                let (helper, arguments) = self.helper()?;
                Op::Helper(helper, arguments)
            }
            "helper.pair" => {
                let (helper, arguments) = self.helper()?;
                Op::Narrow(Narrow::Helper(helper, arguments))
            }
            "float_halves" => Op::Narrow(Narrow::FloatHalves(self.value()?)),
            "float_from_halves" => Op::Narrow(Narrow::FloatFromHalves(self.value()?, self.value()?)),
            "call" => {
                let (callee, arguments, signature) = self.call()?;
                Op::Call(callee, arguments, signature)
            }
            _ => return self.operation(word),
        })
    }

    /// An operation whose name has a part that varies.
    fn operation(&mut self, word: &str) -> Parsed<Op> {
        if let Some(op) = Binary::from_name(word) {
            return Ok(Op::Binary(op, self.value()?, self.value()?));
        }
        if let Some(signedness) = WideMul::from_name(word) {
            return Ok(Op::Narrow(Narrow::MulWide(signedness, self.value()?, self.value()?)));
        }
        match word.split_once('.') {
            Some(("add", "carry")) | Some(("sub", "borrow")) => {
                let op = if word == "add.carry" { Carrying::Add } else { Carrying::Sub };
                return Ok(Op::Narrow(Narrow::Carry(op, self.value()?, self.value()?)));
            }
            Some(("add", "with_carry")) | Some(("sub", "with_borrow")) => {
                let op = if word == "add.with_carry" { Carrying::Add } else { Carrying::Sub };
                return Ok(Op::Narrow(Narrow::WithCarry(op, self.value()?, self.value()?, self.value()?)));
            }
            Some(("compare", name)) => {
                if let Some(op) = name.strip_suffix(".with_borrow").and_then(Compare::from_name) {
                    let operands = [self.value()?, self.value()?, self.value()?];
                    return Ok(Op::Narrow(Narrow::CompareWithBorrow(op, operands[0], operands[1], operands[2])));
                }
                if let Some(op) = Compare::from_name(name) {
                    return Ok(Op::Compare(op, self.value()?, self.value()?));
                }
            }
            Some(("float", name)) => {
                if let Some(op) = FloatBinary::from_name(name) {
                    return Ok(Op::FloatBinary(op, self.value()?, self.value()?));
                }
                if let Some(op) = FloatCompare::from_name(name) {
                    return Ok(Op::FloatCompare(op, self.value()?, self.value()?));
                }
                if let Some(op) = FloatUnary::from_name(name) {
                    return Ok(Op::FloatUnary(op, self.value()?));
                }
            }
            Some((name, "overflow")) => {
                if let Some(op) = Overflowing::from_name(name) {
                    return Ok(Op::Overflowing(op, self.value()?, self.value()?));
                }
            }
            Some(("load", name)) => {
                if let Some(width) = Width::from_name(name) {
                    return self.load(width);
                }
            }
            Some(("store", name)) => {
                if let Some(width) = Width::from_name(name) {
                    return self.store(width);
                }
            }
            _ => {}
        }
        self.tokens.fail_before(format!("there is no operation '{word}'"))
    }

    fn load(&mut self, width: Width) -> Parsed<Op> {
        Ok(match self.place(width)? {
            Place::Context(offset) => Op::LoadContext(offset),
            Place::Base(base, offset) => Op::Load(width, base, offset),
            Place::Indexed(base, index, offset) => Op::LoadIndexed(width, base, index, offset),
        })
    }

    fn store(&mut self, width: Width) -> Parsed<Op> {
        let value = self.value()?;
        self.tokens.expect(',')?;
        Ok(match self.place(width)? {
            Place::Context(offset) => Op::StoreContext(value, offset),
            Place::Base(base, offset) => Op::Store(width, value, base, offset),
            Place::Indexed(base, index, offset) => Op::StoreIndexed(width, value, base, index, offset),
        })
    }

    /// `[base + index + offset]` or `[context + offset]`.
    fn place(&mut self, width: Width) -> Parsed<Place> {
        self.tokens.expect('[')?;
        if width == Width::Word && self.tokens.take_word("context") {
            let offset = self.offset()?;
            return Ok(Place::Context(offset));
        }
        let base = self.value()?;
        if self.tokens.peek() == Token::Punctuation('+') && matches!(self.tokens.peek_second(), Token::Word(_)) {
            self.tokens.next();
            let index = self.value()?;
            return Ok(Place::Indexed(base, index, self.offset()?));
        }
        Ok(Place::Base(base, self.offset()?))
    }

    /// ` + 8]`, ` - 8]` or `]`.
    fn offset(&mut self) -> Parsed<i32> {
        let sign = match self.tokens.next() {
            Token::Punctuation(']') => return Ok(0),
            Token::Punctuation('+') => 1,
            Token::Punctuation('-') => -1,
            _ => return self.tokens.fail_before("expected +, - or ]".into()),
        };
        let number = self.number()?;
        let offset = number.checked_mul(sign).and_then(|number| i32::try_from(number).ok());
        let Some(offset) = offset else {
            return self.tokens.fail_before("an offset has 32 bits".into());
        };
        self.tokens.expect(']')?;
        Ok(offset)
    }

    /// A helper's name and its arguments.
    fn helper(&mut self) -> Parsed<(Helper, Vec<Val>)> {
        let Token::Word(name) = self.tokens.next() else {
            return self.tokens.fail_before("expected a helper's name".into());
        };
        let Some(&helper) = Helper::ALL.iter().find(|helper| helper.name() == name) else {
            return self.tokens.fail_before(format!("there is no helper '{name}'"));
        };
        let mut arguments = Vec::new();
        while matches!(self.tokens.peek(), Token::Word(_)) {
            arguments.push(self.value()?);
        }
        Ok((helper, arguments))
    }

    /// A number of 64 bits, signed or unsigned.
    fn number(&mut self) -> Parsed<i64> {
        let negative = self.tokens.take('-');
        if let Token::Number(number) = self.tokens.next() {
            let limit = 1 << 63;
            if !negative || number <= limit {
                return Ok(if negative { (number as i64).wrapping_neg() } else { number as i64 });
            }
        }
        self.tokens.fail_before("expected a number of at most 64 bits".into())
    }

    fn small_number(&mut self) -> Parsed<u32> {
        let number = self.number()?;
        u32::try_from(number).or_else(|_| self.tokens.fail_before("expected a number of at most 32 bits".into()))
    }

    fn mask(&mut self) -> Parsed<u8> {
        let number = self.number()?;
        u8::try_from(number).or_else(|_| self.tokens.fail_before("a mask has 8 bits".into()))
    }
}

/// What stands in the brackets of a load or store.
enum Place {
    Context(i32),
    Base(Val, i32),
    Indexed(Val, Val, i32),
}

#[cfg(test)]
mod tests;

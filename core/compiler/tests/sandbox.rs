//! Every primitive that touches something outside of the program is refused in a sandbox that grants nothing. Which those are,
//! the table of primitives says.

use maru_core::abi::layout::{offset, Value};
use maru_language::interp::call;
use maru_language::runtime::{ErrorKind, Grants, JitMode, Options, Runtime, Touch};
use maru_language::value::on_large_stack;

/// Calls a primitive; whether it was refused. It must not succeed.
fn is_refused(runtime: &mut Runtime, name: &str, arguments: &[Value]) -> bool {
    let primitive = runtime.primitive_value(name).unwrap();
    match call(runtime, primitive, arguments) {
        Ok(value) => {
            assert!(name == "environment-variables" && value.is_nil(), "{name} is not refused");
            true
        }
        Err(_) => {
            let error = runtime.take_failure();
            let message = runtime.field(error, offset::ERROR_MESSAGE);
            let message = runtime.text(message);
            let refused = message.contains("is refused in this sandbox; maru run --allow-");
            assert!(!refused || runtime.error_kind(error) == Some(ErrorKind::Io), "{message}");
            refused
        }
    }
}

/// All lists of so many of some things.
fn lists(things: &[Value], length: u32) -> Vec<Vec<Value>> {
    let mut lists = vec![Vec::new()];
    for _ in 0..length {
        let longer = |list: &Vec<Value>| things.iter().map(|thing| [&list[..], &[*thing]].concat()).collect::<Vec<_>>();
        lists = lists.iter().flat_map(longer).collect();
    }
    lists
}

#[test]
fn every_primitive_that_touches_something_is_refused() {
    let options = Options { jit: JitMode::Off, sandbox: Some(Grants::default()), ..Options::default() };
    let count = on_large_stack(1 << 26, |stack| {
        let mut runtime = maru_compiler::runtime(options, stack).unwrap();
        let path = runtime.string("/no/such/place").unwrap();
        runtime.roots.push(path);
        let list = runtime.primitive_value("list").unwrap();
        let environment = runtime.make_environment(None).unwrap();
        runtime.roots.push(environment);
        let things = [path, list, environment, Value::fixnum(1)];
        let mut count = 0;
        for primitive in runtime.primitives.clone() {
            let touches =
                primitive.touches.unwrap_or_else(|| panic!("{} does not say what it touches", primitive.name));
            if touches == Touch::Nothing {
                continue;
            }
            let refused = lists(&things, primitive.least)
                .into_iter()
                .filter(|arguments| is_refused(&mut runtime, primitive.name, arguments))
                .count();
            assert!(refused > 0, "{}, which touches {touches:?}, is not refused whatever it is given", primitive.name);
            count += 1;
        }
        count
    });
    let count = count.unwrap();
    assert!(count >= 20, "only {count} primitives touch something");
}

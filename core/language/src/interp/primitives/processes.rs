//! Other programs, and the variables of the environment that they and this one have.

use super::{arguments, files};
use crate::interp::call;
use crate::runtime::{Outcome, PrimitiveInfo, Runtime, Touch};
use crate::value::Value;
use std::collections::BTreeMap;
use std::process::{Command, ExitStatus, Stdio};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("shell-command", 1, shell_command).touching(Touch::Run),
    PrimitiveInfo::variadic("run-program", 1, run_program).touching(Touch::Run),
    PrimitiveInfo::fixed("getenv", 1, getenv).touching(Touch::Variables),
    PrimitiveInfo::fixed("setenv", 2, setenv).touching(Touch::Variables),
    PrimitiveInfo::fixed("environment-variables", 0, environment_variables).touching(Touch::Variables),
];

/// `(shell-command text)`: what the system's shell answers when it was given a command, 0 if all went well. The command
/// reads and prints where the program does.
fn shell_command(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "shell-command", arguments[0])?;
    runtime.may_run("shell-command")?;
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    runtime.flush_output();
    let status = command(runtime, shell).arg(option).arg(text).status();
    call::poll(runtime)?;
    let status = status.map_err(|fault| files::fail(runtime, shell, &fault))?;
    Ok(Value::fixnum(code(status)))
}

/// `(run-program program argument…)`: its status, what it wrote to standard output, and what to standard error. Its standard
/// input is empty, and no shell reads the arguments.
fn run_program(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let mut texts = Vec::new();
    for argument in arguments {
        texts.push(arguments::text(runtime, "run-program", *argument)?);
    }
    runtime.may_run("run-program")?;
    runtime.flush_output();
    let output = command(runtime, &texts[0]).args(&texts[1..]).stdin(Stdio::null()).output();
    call::poll(runtime)?;
    let output = output.map_err(|fault| files::fail(runtime, &texts[0], &fault))?;
    let printed = runtime.string(&String::from_utf8_lossy(&output.stdout))?;
    let warned = runtime.string(&String::from_utf8_lossy(&output.stderr))?;
    runtime.list(&[Value::fixnum(code(output.status)), printed, warned])
}

/// A command with the environment that the program gave itself.
fn command(runtime: &Runtime, program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, value) in &runtime.extensions.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// What a program ended with; for one that a signal ended, what shells answer.
fn code(status: ExitStatus) -> i64 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    status.code().unwrap_or(128 + signal.unwrap_or(0)).into()
}

/// Whether a variable can have this name: the library panics on others.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn getenv(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let name = arguments::text(runtime, "getenv", arguments[0])?;
    if !is_name(&name) {
        return Ok(Value::NIL);
    }
    runtime.may_use_variable("getenv", &name)?;
    let value = match runtime.extensions.variables.get(&name) {
        Some(value) => value.clone(),
        None => std::env::var(&name).ok(),
    };
    value.map_or(Ok(Value::NIL), |text| runtime.string(&text))
}

/// `(setenv name value)`: for this program and those that it runs; a value of nil takes the variable away.
fn setenv(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let name = arguments::text(runtime, "setenv", arguments[0])?;
    if !is_name(&name) {
        return Err(runtime.type_error("setenv", "a name that a variable can have", arguments[0]));
    }
    let value = match arguments[1].is_nil() {
        true => None,
        false => Some(arguments::text(runtime, "setenv", arguments[1])?),
    };
    if value.as_ref().is_some_and(|value| value.contains('\0')) {
        return Err(runtime.type_error("setenv", "a text that a variable can hold", arguments[1]));
    }
    runtime.may_use_variable("setenv", &name)?;
    runtime.extensions.variables.insert(name, value);
    Ok(arguments[1])
}

/// `(environment-variables)`: `(name . value)` of each, by name.
fn environment_variables(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let mut all: BTreeMap<String, String> =
        std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    for (name, value) in &runtime.extensions.variables {
        match value {
            Some(value) => all.insert(name.clone(), value.clone()),
            None => all.remove(name),
        };
    }
    // In a sandbox these are all that there are.
    all.retain(|name, _| runtime.is_granted_variable(name));
    let mut list = Value::NIL;
    for (name, value) in all.iter().rev() {
        let value = runtime.string(value)?;
        // The value is reachable through the pair while the name is made.
        let entry = runtime.cons(Value::NIL, value)?;
        list = runtime.cons(entry, list)?;
        let name = runtime.string(name)?;
        runtime.set_car(entry, name);
    }
    Ok(list)
}

//! `maru targets`: every architecture with every format, and what can be done here with the pair.

use crate::arguments::Targets;
use crate::table;
use crate::trouble::Trouble;
use maru_core::codegen::{find_compiler, Architecture, MachineIdentity};
use maru_core::format::{self, ObjectFormat};
use maru_core::registry;
use serde_json::{json, Map, Value};
use std::process::ExitCode;

/// What can be done with a target in a format on this host.
fn ability(architecture: &dyn Architecture, format: &dyn ObjectFormat) -> &'static str {
    if format::identity(architecture, format).is_none() {
        "-"
    } else if architecture.source().is_some_and(|source| find_compiler(source).is_err()) {
        "no compiler"
    } else if architecture.is_host() && format.is_host() {
        "runs"
    } else {
        match maru_compiler::machine::find_machine(architecture, format, None) {
            Ok(Some(kind)) if kind.is_emulator() => "emulated",
            Ok(_) => "runs",
            Err(_) => "builds",
        }
    }
}

/// List the targets.
///
/// # Errors
/// When they cannot be printed.
pub fn targets(arguments: &Targets) -> Result<ExitCode, Trouble> {
    let (architectures, formats) = (registry::architectures(), registry::formats());
    let text = if arguments.json {
        format!("{:#}\n", as_json(&architectures, &formats))
    } else {
        as_text(&architectures, &formats)
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn as_text(architectures: &[&dyn Architecture], formats: &[&dyn ObjectFormat]) -> String {
    let head = ["architecture", "pointers", "byte order"].map(String::from).into_iter();
    let head = head.chain(formats.iter().map(|format| format.name().to_string())).chain(["also called".into()]);
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    for architecture in architectures {
        let identity = registry::any_identity(*architecture);
        let mut row = vec![
            architecture.name().to_string(),
            identity.map_or("-".into(), |identity| format!("{} bytes", identity.pointer_size)),
            identity.map_or("-", byte_order).to_string(),
        ];
        row.extend(formats.iter().map(|format| ability(*architecture, *format).to_string()));
        row.push(architecture.synonyms().join(" "));
        rows.push(row);
    }
    table::render(&rows)
}

fn byte_order(identity: &MachineIdentity) -> &'static str {
    if identity.little_endian {
        "little"
    } else {
        "big"
    }
}

fn as_json(architectures: &[&dyn Architecture], formats: &[&dyn ObjectFormat]) -> Value {
    let architecture = |architecture: &&dyn Architecture| {
        let identity = registry::any_identity(*architecture);
        let pairs = formats.iter().map(|format| (format.name().to_string(), json!(ability(*architecture, *format))));
        json!({
            "name": architecture.name(),
            "synonyms": architecture.synonyms(),
            "pointer_size": identity.map(|identity| identity.pointer_size),
            "byte_order": identity.map(byte_order),
            "host": architecture.is_host(),
            "formats": pairs.collect::<Map<_, _>>(),
        })
    };
    let format = |format: &&dyn ObjectFormat| json!({ "name": format.name(), "synonyms": format.synonyms(), "host": format.is_host() });
    json!({
        "architectures": architectures.iter().map(architecture).collect::<Vec<_>>(),
        "formats": formats.iter().map(format).collect::<Vec<_>>(),
    })
}

//! The page: everything that it needs is inside, so that it opens without a network, from anywhere.

use super::colour::{coloured, escaped, Language};
use super::stages::{Code, Exploration, Stages};
use std::collections::BTreeSet;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What each page begins with.
pub const START: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"maru explore\">\n";

/// Each line of the source has a hue of its own, which differs much from those of its neighbours.
fn hue(line: u32) -> u64 {
    u64::from(line) * 137 % 360
}

/// The page of a program, as HTML.
pub fn page(exploration: &Exploration) -> String {
    let name = escaped(&exploration.name);
    let mut sections = vec![("source".to_string(), "source".to_string(), source(exploration))];
    sections.push(("tree".into(), "tree".into(), trees(exploration)));
    let first = exploration.targets.first().copied().unwrap_or_default();
    sections.push(("ir".into(), format!("IR, optimised, for {first}"), ir(exploration)));
    for (index, target) in exploration.targets.iter().enumerate() {
        sections.push((format!("code-{target}"), target.to_string(), code(exploration, index)));
    }
    let (mut boxes, mut panes) = (String::new(), String::new());
    for (id, title, lines) in &sections {
        let (id, title) = (escaped(id), escaped(title));
        let _ = writeln!(boxes, "<label><input type=\"checkbox\" data-section=\"{id}\" checked> {title}</label>");
        let _ = writeln!(panes, "<section id=\"{id}\"><h2>{title}</h2><div class=\"pane\">\n{lines}</div></section>");
    }
    format!(
        "{START}<meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n\
         <style>\n{STYLE}{}</style>\n</head>\n<body>\n<header><h1>{name}</h1>\n{boxes}\
         <details><summary>{} functions: sizes and compile times</summary><div>\n{}</div></details>\n</header>\n\
         <main>\n{panes}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        hues(exploration),
        exploration.functions.len(),
        table(exploration)
    )
}

/// The hue of each line of the source, as rules of style.
fn hues(exploration: &Exploration) -> String {
    let lines = 1..=exploration.source.lines().count() as u32;
    lines.map(|line| format!("[data-line=\"{line}\"] {{ --hue: {} }}\n", hue(line))).collect()
}

/// A line that belongs to one of the source, or to none.
fn line(html: &mut String, source: Option<u32>, text: &str) {
    let _ = match source {
        Some(line) => writeln!(html, "<div data-line=\"{line}\">{text}</div>"),
        None => writeln!(html, "<div>{text}</div>"),
    };
}

/// The head of a function in a section, which is the place that links to it lead to.
fn head(html: &mut String, section: &str, index: usize, text: &str) {
    let id = format!("{}-{index}", escaped(section));
    let _ = writeln!(html, "<div class=\"head\" id=\"{id}\" data-function=\"{index}\">{}</div>", escaped(text));
}

/// The source. Its lines have a colour if there is code for them.
fn source(exploration: &Exploration) -> String {
    let (mut html, mut in_string) = (String::new(), false);
    let lines = exploration.functions.iter().flat_map(|function| &function.ir);
    let with_code: BTreeSet<u32> = lines.filter_map(|line| line.source).collect();
    for (number, text) in (1..).zip(exploration.source.lines()) {
        let text = coloured(text, Language::Maru, &mut in_string);
        let text = format!("<span class=\"number-of-line\">{number}</span>{text}");
        line(&mut html, with_code.get(&number).copied(), &text);
    }
    html
}

fn trees(exploration: &Exploration) -> String {
    let mut html = String::new();
    for tree in &exploration.trees {
        let mut in_string = false;
        for each in tree {
            line(&mut html, each.source, &coloured(&each.text, Language::Maru, &mut in_string));
        }
    }
    html
}

fn ir(exploration: &Exploration) -> String {
    let mut html = String::new();
    for (index, function) in exploration.functions.iter().enumerate() {
        head(&mut html, "ir", index, &function.name);
        for each in &function.ir {
            line(&mut html, each.source, &coloured(&each.text, Language::Ir, &mut false));
        }
    }
    html
}

fn code(exploration: &Exploration, target: usize) -> String {
    let mut html = String::new();
    let section = format!("code-{}", exploration.targets[target]);
    for (index, function) in exploration.functions.iter().enumerate() {
        match &function.code[target] {
            Ok(code) => {
                head(&mut html, &section, index, &format!("{}: {} bytes", function.name, code.size));
                for each in &code.lines {
                    line(&mut html, each.source, &coloured(&each.text, Language::Listing, &mut false));
                }
            }
            Err(reason) => head(&mut html, &section, index, &format!("{}: no code: {reason}", function.name)),
        }
    }
    html
}

/// Sizes and times of all functions.
fn table(exploration: &Exploration) -> String {
    let mut html = String::from("<table>\n<tr><th>function</th><th>line</th><th>operations of IR</th>");
    for target in &exploration.targets {
        let _ = write!(html, "<th>{0}: bytes</th><th>{0}: µs</th>", escaped(target));
    }
    html.push_str("</tr>\n");
    for (index, function) in exploration.functions.iter().enumerate() {
        html.push_str(&row(index, function));
    }
    let sum = |target: usize| {
        let codes: Vec<&Code> = exploration.functions.iter().filter_map(|f| f.code[target].as_ref().ok()).collect();
        (codes.iter().map(|code| code.size).sum::<usize>(), codes.iter().map(|code| microseconds(code)).sum::<f64>())
    };
    let operations: usize = exploration.functions.iter().map(|function| function.operations).sum();
    let _ = write!(html, "<tr><th>all</th><th></th><th>{operations}</th>");
    for target in 0..exploration.targets.len() {
        let (size, time) = sum(target);
        let _ = write!(html, "<th>{size}</th><th>{time:.1}</th>");
    }
    html + "</tr>\n</table>\n"
}

/// A function's sizes and times; its name leads to its IR, and in the browser to its code as well.
fn row(index: usize, function: &Stages) -> String {
    let line = function.source.map_or(String::new(), |line| line.to_string());
    let link = format!("<a href=\"#ir-{index}\" data-function=\"{index}\">{}</a>", escaped(&function.name));
    let mut html = format!("<tr><td>{link}</td><td>{line}</td><td>{}</td>", function.operations);
    for code in &function.code {
        let _ = match code {
            Ok(code) => {
                let parts = code.nanoseconds.map(|time| format!("{:.1}", time as f64 / 1e3));
                let parts = match code.nanoseconds {
                    [0, 0, 0] => String::new(),
                    _ => format!(" title=\"selecting {}, allocating {}, encoding {}\"", parts[0], parts[1], parts[2]),
                };
                write!(html, "<td>{}</td><td{parts}>{:.1}</td>", code.size, microseconds(code))
            }
            Err(reason) => write!(html, "<td colspan=\"2\" title=\"{}\">no code</td>", escaped(reason)),
        };
    }
    html + "</tr>\n"
}

fn microseconds(code: &Code) -> f64 {
    code.time.as_secs_f64() * 1e6
}

//! The page that `maru explore` writes: what is in it, that it needs nothing from outside, and that a browser links its
//! lines.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str =
    "; <b>Not bold</b> & \"so on\"\n(define (add-three a)\n  (+ a 3))\n\n(define (twice x)\n  (* 2\n     \
                       (add-three x)))\n(println \"</script><script>\" (twice 4))\n";

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("explore-{test}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("program.l"), PROGRAM).unwrap();
    folder
}

fn explore(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    command
        .env_remove("MARU_OPT")
        .env_remove("MARU_TARGET_ARCH")
        .current_dir(folder)
        .arg("explore")
        .args(words)
        .output()
        .unwrap()
}

/// The page of the program.
fn page(folder: &Path, words: &[&str]) -> String {
    let output = explore(folder, &[words, &["program.l"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "program.html\n");
    std::fs::read_to_string(folder.join("program.html")).unwrap()
}

/// The lines of a section.
fn section<'p>(page: &'p str, id: &str) -> Vec<&'p str> {
    let start = page.find(&format!("<section id=\"{id}\">")).unwrap_or_else(|| panic!("no section {id}"));
    let end = start + page[start..].find("</section>").unwrap();
    page[start..end].lines().skip(1).collect()
}

#[test]
fn the_page_has_all_stages_with_their_lines() {
    let page = page(&folder("stages"), &["--target", "x64,arm64"]);
    for id in ["source", "tree", "ir", "code-x64", "code-arm64"] {
        let lines = section(&page, id);
        for line in [3, 6, 7, 8] {
            let mark = format!("<div data-line=\"{line}\">");
            // Code is where the call is, which for a primitive may be the line of its last argument.
            assert!(lines.iter().any(|text| text.starts_with(&mark)) || line == 6, "{id} has no line {line}");
        }
    }
    assert!(!page.contains("<section id=\"code-riscv64\">"));
    let source = section(&page, "source");
    assert!(source[0].contains("; &lt;b&gt;Not bold&lt;/b&gt; &amp; &quot;so on&quot;"), "{}", source[0]);
    for part in [">add-three</a></td><td>", "<th>x64: bytes</th>", "<th>arm64: µs</th>", ">top-level:8</a></td>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(section(&page, "code-x64").iter().any(|line| line.contains("head") && line.contains("add-three: ")));
}

/// What stands between two marks, at each place where it does.
fn between<'p>(page: &'p str, before: &str, after: &str) -> Vec<&'p str> {
    page.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

#[test]
fn every_function_is_there_and_links_lead_to_it() {
    let page = page(&folder("links"), &["--target", "x64,wasm,x64,c"]);
    let ids = between(&page, " id=\"", "\"");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each id once: {ids:?}");
    let links = between(&page, "href=\"#", "\"");
    assert_eq!(links.len(), 5, "two functions and three forms: {links:?}");
    for link in &links {
        for section in ["ir", "code-x64", "code-wasm", "code-c"] {
            let id = link.replace("ir", section);
            assert!(ids.contains(&id.as_str()), "{id}: {ids:?}");
        }
    }
    for part in between(&page, "data-section=\"", "\"") {
        assert!(ids.contains(&part), "{part}");
    }
    for name in ["add-three", "twice", "top-level:2", "top-level:5", "top-level:8"] {
        assert_eq!(page.matches(&format!(">{name}</a>")).count(), 1, "{name} in the table");
        for target in ["x64", "wasm", "c"] {
            let lines = section(&page, &format!("code-{target}"));
            let head = format!(">{name}: ");
            assert_eq!(lines.iter().filter(|line| line.contains(&head)).count(), 1, "{name} for {target}");
        }
    }
    // Each line that is linked is one of the source's.
    let source = section(&page, "source").join("\n");
    for line in between(&page, "<div data-line=\"", "\"") {
        assert!(source.contains(&format!("data-line=\"{line}\"")), "line {line}");
    }
    // Compiling takes time, on each target.
    let all = between(&page, "<tr><th>all</th>", "</tr>");
    let sums: Vec<f64> = between(all[0], "<th>", "</th>").iter().skip(1).map(|sum| sum.parse().unwrap()).collect();
    assert!(sums.len() == 7 && sums.iter().all(|sum| *sum > 0.0), "{sums:?}");
}

#[test]
fn without_a_target_it_is_the_one_that_programs_are_compiled_for() {
    let folder = folder("target");
    let host = between(&page(&folder, &[]), "<section id=\"code-", "\"").join(",");
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    command.current_dir(&folder).env("MARU_TARGET_ARCH", "riscv64").args(["explore", "program.l", "-o", "-"]);
    let other = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_eq!(between(&other, "<section id=\"code-", "\""), ["riscv64"]);
    let known = explore(&folder, &["program.l", "--target", &host]);
    assert!(!host.contains(',') && known.status.success(), "{host}");
}

#[test]
fn only_pages_are_replaced() {
    let folder = folder("kinds");
    let notes = folder.join("notes.txt");
    for (kept, output) in [("dear diary", "notes.txt"), ("<!DOCTYPE html>\n<p>mine", "notes.txt")] {
        std::fs::write(&notes, kept).unwrap();
        let output = explore(&folder, &["program.l", "-o", output]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(errors.contains("notes.txt: this file is no page of `maru explore`"), "{errors}");
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), kept);
    }
    std::fs::write(&notes, "").unwrap();
    for _ in 0..2 {
        assert!(explore(&folder, &["program.l", "-o", "notes.txt"]).status.success());
        assert!(std::fs::read_to_string(&notes).unwrap().contains("add-three"));
    }
}

#[test]
fn the_page_needs_nothing_from_outside_and_lets_nothing_out() {
    let page = page(&folder("closed"), &[]);
    for outside in ["http:", "https:", "src=", "url(", "@import", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("href=").count(), page.matches("href=\"#").count());
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    // Every element is closed, in order.
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let name = tag.split([' ', '>', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if ["!DOCTYPE", "meta", "input"].contains(&name) => {}
            None if open.last().is_some_and(|last| ["script", "style"].contains(last)) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let folder = folder("wrong");
    let refused = |words: &[&str], status: i32, part: &str| {
        let output = explore(&folder, words);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(status) && errors.contains(part), "{words:?}: {output:?}");
    };
    refused(&["none.l"], 2, "none.l: there is no such file");
    refused(&["--target", "x64,bogus", "program.l"], 2, "there is no architecture called 'bogus'");
    refused(&["program.l", "-o", "program.l"], 2, "program.l: this is the source");
    refused(&["program.l", "-o", "none/page.html"], 1, "there is no such directory");
    std::fs::write(folder.join("open.l"), "(list 1").unwrap();
    refused(&["open.l"], 1, "open.l:1");
    assert!(!folder.join("open.html").exists());
    let output = explore(&folder, &["program.l", "-o", "-"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("<!DOCTYPE html>"));
}

/// What a browser makes of a page: the document after its scripts have run. `None`, said loudly, without a browser.
fn browsed(page: &Path) -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    for name in names {
        let mut browser = Command::new(name);
        browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]);
        browser.arg(format!("--user-data-dir={}", page.with_file_name("browser").display()));
        let url = format!("file://{}", page.canonicalize().unwrap().display());
        if let Ok(output) = browser.args(["--virtual-time-budget=5000", "--dump-dom"]).arg(url).output() {
            let document = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(document.contains("<section"), "{output:?}");
            return Some(document);
        }
    }
    // Not `eprintln!`, which a test that passes keeps to itself.
    let _ = writeln!(std::io::stderr(), "NOT RUN: there is no browser here ({})", names.join(", "));
    None
}

/// A person's hand: moves over a line, clicks, hides a section; and notes what there is then.
const HAND: &str = r##"<script>
const note = [];
const linked = () => [...document.querySelectorAll(".linked")].map((e) => e.dataset.line);
const source = document.querySelector('#source [data-line="3"]');
note.push("before " + linked().length);
source.firstChild.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
note.push("lines " + [...new Set(linked())].join());
for (const id of ["source", "tree", "ir", "code-x64", "code-arm64"])
  note.push(id + " " + (document.querySelectorAll("#" + id + " .linked").length > 0));
const colour = (e) => getComputedStyle(e).backgroundColor;
note.push("coloured " + (colour(source) !== colour(document.querySelector('#source [data-line="8"]'))));
document.querySelector("header").dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
note.push("after " + linked().length);
const pane = document.querySelector("#code-arm64 .pane");
document.querySelector('#source [data-line="8"]').click();
note.push("scrolled " + (pane.scrollTop > 0));
document.querySelector('a[data-function="1"]').click();
const heads = [...document.querySelectorAll('.head[data-function="1"]')];
const place = (e) => e.getBoundingClientRect().top - e.closest(".pane").getBoundingClientRect().top;
note.push("brought " + heads.map((e) => e.id + (Math.abs(place(e)) < 30)).join());
document.querySelector('input[data-section="tree"]').click();
note.push("hidden " + document.getElementById("tree").hidden);
document.title = note.join("; ");
</script>"##;

#[test]
fn a_browser_links_lines_that_belong_together() {
    let folder = folder("browser");
    let page = page(&folder, &["--target", "x64,arm64"]);
    let driven = folder.join("driven.html");
    std::fs::write(&driven, page.replace("</body>", &format!("{HAND}</body>"))).unwrap();
    let Some(document) = browsed(&driven) else { return };
    let start = document.find("<title>").unwrap() + "<title>".len();
    let title = &document[start..start + document[start..].find("</title>").unwrap()];
    assert_eq!(
        title,
        "before 0; lines 3; source true; tree true; ir true; code-x64 true; code-arm64 true; coloured true; after 0; \
         scrolled true; brought ir-1true,code-x64-1true,code-arm64-1true; hidden true"
    );
}

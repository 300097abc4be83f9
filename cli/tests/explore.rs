//! The page that `maru explore` writes: what is in it, that it needs nothing from outside, and that a browser links its
//! lines.

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
    command.env_remove("MARU_OPT").current_dir(folder).arg("explore").args(words).output().unwrap()
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
    for part in ["<td>add-three</td><td>", "<th>x64: bytes</th>", "<th>arm64: µs</th>", "<td>top-level:8</td>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(section(&page, "code-x64").iter().any(|line| line.contains("head") && line.contains("add-three: ")));
}

#[test]
fn the_page_needs_nothing_from_outside_and_lets_nothing_out() {
    let page = page(&folder("closed"), &[]);
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(outside), "{outside}");
    }
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
    eprintln!("NOT RUN: there is no browser here ({})", names.join(", "));
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
         scrolled true; hidden true"
    );
}

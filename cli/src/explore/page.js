// Lines that come from one line of the source are shown together; a click brings them into view everywhere. A function's
// name in the table does the same for the function.
"use strict";
(() => {
  const all = new Map();
  for (const element of document.querySelectorAll("[data-line]")) {
    const line = element.dataset.line;
    if (!all.has(line)) all.set(line, []);
    all.get(line).push(element);
  }
  let shown = null;
  const show = (line) => {
    if (line === shown) return;
    for (const element of all.get(shown) || []) element.classList.remove("linked");
    for (const element of all.get(line) || []) element.classList.add("linked");
    shown = line;
  };
  const lineOf = (event) => {
    const element = event.target.closest("[data-line]");
    return element ? element.dataset.line : null;
  };
  const bring = (element, down) => {
    const pane = element.closest(".pane");
    pane.scrollTop = element.offsetTop - pane.offsetTop - pane.clientHeight * down;
  };
  document.addEventListener("mouseover", (event) => show(lineOf(event)));
  document.addEventListener("click", (event) => {
    const name = event.target.closest("a[data-function]");
    if (name) {
      event.preventDefault();
      for (const head of document.querySelectorAll(`.head[data-function="${name.dataset.function}"]`)) bring(head, 0);
      return;
    }
    const line = lineOf(event);
    if (line === null) return;
    const own = event.target.closest(".pane");
    for (const pane of document.querySelectorAll(".pane")) {
      const first = pane !== own && (all.get(line) || []).find((element) => pane.contains(element));
      if (first) bring(first, 1 / 3);
    }
  });
  for (const box of document.querySelectorAll("input[data-section]")) {
    const section = document.getElementById(box.dataset.section);
    const change = () => { section.hidden = !box.checked; };
    box.addEventListener("change", change);
    change();
  }
})();

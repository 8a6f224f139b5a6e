"use strict";
(() => {
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const say = (key, fields = {}) => texts[key].replace(/\{(\w+)\}/g, (whole, name) => (name in fields ? fields[name] : whole));
  const every = (selector, within = document) => Array.from(within.querySelectorAll(selector));

  // What works only with this script is hidden until it runs.
  every(".colours, .filters, .copy").forEach((part) => { part.hidden = false; });

  every('input[name="colours"]').forEach((choice) => {
    choice.addEventListener("change", () => {
      if (choice.value === "auto") delete document.documentElement.dataset.colours;
      else document.documentElement.dataset.colours = choice.value;
    });
  });

  const select = (part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  every(".copy").forEach((button) => {
    button.addEventListener("click", async () => {
      const part = document.getElementById(button.dataset.copies);
      select(part);
      try {
        await navigator.clipboard.writeText(part.textContent);
        button.textContent = say("copied");
      } catch {
        part.focus();
        button.textContent = say("copy_by_hand");
      }
    });
  });

  // A page on paper shows all that it has.
  const opened = [];
  window.addEventListener("beforeprint", () => {
    every("details:not([open])").forEach((part) => { part.open = true; opened.push(part); });
  });
  window.addEventListener("afterprint", () => { opened.splice(0).forEach((part) => { part.open = false; }); });

  const table = document.getElementById("rows");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows).map((row, place) => ({
    row, place, words: row.textContent.toLowerCase() + " " + row.id, outcome: row.dataset.o, wave: row.dataset.w, guard: row.dataset.g,
  }));
  const status = document.getElementById("shown");
  const find = document.getElementById("find");
  const chips = every(".chip");
  const wave = document.getElementById("wave");
  const guard = document.getElementById("guard");
  const number = new Intl.NumberFormat("en");

  const filter = () => {
    const wanted = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = new Set(chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.outcome));
    let shown = 0;
    for (const one of rows) {
      const fits = (outcomes.size === 0 || outcomes.has(one.outcome)) && (!wave || !wave.value || one.wave === wave.value)
        && (!guard || !guard.value || one.guard === guard.value) && wanted.every((word) => one.words.includes(word));
      one.row.hidden = !fits;
      if (fits) shown += 1;
    }
    document.getElementById("none").hidden = shown > 0;
    status.textContent = say("t.shown", { shown: number.format(shown), all: number.format(rows.length) });
  };
  let waiting = 0;
  find.addEventListener("input", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(filter); });
  chips.forEach((chip) => chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") === "true" ? "false" : "true");
    filter();
  }));
  [wave, guard].forEach((choice) => choice && choice.addEventListener("change", filter));
  const clear = () => {
    find.value = "";
    chips.forEach((chip) => chip.setAttribute("aria-pressed", "false"));
    [wave, guard].forEach((choice) => { if (choice) choice.value = ""; });
    filter();
  };
  document.getElementById("clear").addEventListener("click", clear);
  find.addEventListener("keydown", (event) => { if (event.key === "Escape") clear(); });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); find.focus(); }
  });
  // A name that leads to a row that a filter hides shows it.
  every('a[href^="#i"]').forEach((link) => link.addEventListener("click", () => {
    const row = document.getElementById(link.hash.slice(1));
    if (row && row.hidden) clear();
  }));

  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const numeric = head.dataset.kind === "number";
    const value = (one) => {
      const cell = one.row.cells[column];
      return numeric ? (cell.dataset.v === "" ? null : Number(cell.dataset.v)) : cell.textContent.trim();
    };
    const keyed = rows.map((one) => ({ one, key: value(one) }));
    const words = new Intl.Collator(document.documentElement.lang, { numeric: true });
    keyed.sort((left, right) => {
      // What has no value stands last, whichever way.
      const empty = (key) => key === null || key === "";
      if (empty(left.key) || empty(right.key)) return empty(left.key) - empty(right.key) || left.one.place - right.one.place;
      const order = numeric ? left.key - right.key : words.compare(left.key, right.key);
      return (up ? order : -order) || left.one.place - right.one.place;
    });
    body.append(...keyed.map((pair) => pair.one.row));
    heads.forEach((other) => other.setAttribute("aria-sort", other === head ? (up ? "ascending" : "descending") : "none"));
    status.textContent = say("t.sorted", { column: head.textContent.trim(), order: say(up ? "t.ascending" : "t.descending") });
  }));
})();

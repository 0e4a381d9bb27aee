"use strict";
// Sorting, filtering, drill-down, the theme, and links to what is shown. Text from records is only ever set as text, never as markup.
(() => {
  const root = document.documentElement;
  const CHUNK = 500; // cells shown at once in a drill-down

  const remembered = {
    get theme() { try { return localStorage.getItem("theme"); } catch { return null; } },
    set theme(name) { try { localStorage.setItem("theme", name); } catch { /* a private window: for this visit only */ } },
  };
  if (["light", "dark"].includes(remembered.theme)) root.dataset.theme = remembered.theme;
  root.dataset.columns = "main"; // without this script all columns show

  function make(name, text = "", className = "") {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  function themeButton() {
    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const label = () => { button.textContent = dark() ? "Light" : "Dark"; button.title = `Show the page ${dark() ? "light" : "dark"}`; };
    button.addEventListener("click", () => {
      root.dataset.theme = remembered.theme = dark() ? "light" : "dark";
      label();
    });
    system.addEventListener("change", label);
    label();
  }

  // Rows and the drill-downs that belong under them.

  const rowsOf = (body) => [...body.rows].filter((row) => !row.classList.contains("detail-row"));
  const detailOf = (row) => (row.nextElementSibling?.classList.contains("detail-row") ? row.nextElementSibling : null);
  const say = (text) => { document.getElementById("said").textContent = text; };

  // Sorting: unknown last either way; rows that are equal stay in their order.

  const nameOf = (header) => header.textContent.trim().replaceAll("\u00a0", " ");
  const collator = new Intl.Collator("en", { numeric: true });

  const turned = { ascending: "descending", descending: "ascending" };
  let sorted = ""; // what the address says of it

  function sort(header, direction = turned[header.getAttribute("aria-sort")] ?? header.dataset.first) {
    const table = header.closest("table");
    const headers = [...header.parentElement.cells];
    const column = headers.indexOf(header);
    const sign = direction === "ascending" ? 1 : -1;
    const numbers = header.dataset.type === "number";
    const compare = numbers ? (a, b) => a - b : collator.compare;
    const keyed = rowsOf(table.tBodies[0]).map((row) => {
      const value = row.cells[column].dataset.value;
      return { row, detail: detailOf(row), value: value === undefined ? null : numbers ? Number(value) : value };
    });
    keyed.sort((a, b) => (a.value === null || b.value === null
      ? (a.value === null) - (b.value === null)
      : sign * compare(a.value, b.value)));
    table.tBodies[0].append(...keyed.flatMap(({ row, detail }) => (detail ? [row, detail] : [row])));
    for (const other of headers) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    sorted = [header.closest(".board").id, table.className, direction, nameOf(header)].join(",");
    say(`Sorted by ${header.textContent.trim()}, ${direction}`);
  }

  // Filtering: every word must be in the method's name.

  function filter() {
    const words = document.getElementById("by-name").value.toLowerCase().split(/\s+/).filter(Boolean);
    const family = document.getElementById("by-family").value;
    const kind = document.getElementById("by-kind").value;
    const seen = new Set();
    const all = new Set();
    for (const board of document.querySelectorAll(".board")) {
      board.hidden = Boolean(kind && board.dataset.kind && board.dataset.kind !== kind);
      for (const table of board.querySelectorAll(".scroll > table")) {
        let left = 0;
        for (const row of rowsOf(table.tBodies[0])) {
          const name = row.dataset.label.toLowerCase();
          const fits = words.every((word) => name.includes(word))
            && (!family || row.dataset.family === family)
            && (!kind || !row.dataset.kind || row.dataset.kind === kind);
          row.hidden = !fits;
          const detail = detailOf(row);
          if (detail) detail.hidden = !fits;
          left += fits;
          if (table.classList.contains("methods")) {
            all.add(row.dataset.label);
            if (fits && !board.hidden) seen.add(row.dataset.label);
          }
        }
        const none = board.querySelector(".none");
        if (none && table.classList.contains("methods")) none.hidden = left > 0;
      }
    }
    say(words.length || family || kind ? `${seen.size} of ${all.size} methods` : "");
  }

  // The address says what is filtered and sorted, so that a link shows the same; "#table-1" stays a place on the page.

  const FIELDS = { name: "by-name", family: "by-family", kind: "by-kind" };

  function showColumns(all) {
    root.dataset.columns = all ? "all" : "main";
    document.getElementById("columns").setAttribute("aria-pressed", String(all));
    hints();
  }

  function tell() {
    const state = new URLSearchParams();
    for (const [key, id] of Object.entries(FIELDS)) {
      const value = document.getElementById(id).value.trim();
      if (value) state.set(key, value);
    }
    if (sorted) state.set("sort", sorted);
    if (root.dataset.columns === "all") state.set("columns", "all");
    const text = state.toString();
    if (!text && !location.hash.includes("=")) return;
    history.replaceState(null, "", location.href.split("#")[0] + (text ? `#${text}` : ""));
  }

  function follow() {
    if (!location.hash.includes("=")) return;
    const state = new URLSearchParams(location.hash.slice(1));
    for (const [key, id] of Object.entries(FIELDS)) {
      const field = document.getElementById(id);
      field.value = state.get(key) ?? "";
      if (field.selectedIndex === -1) field.selectedIndex = 0; // a family or kind that this page doesn't have
    }
    const [board, className, direction, ...title] = (state.get("sort") ?? "").split(",");
    const table = [...(document.getElementById(board)?.querySelectorAll(".scroll > table") ?? [])].find((one) => one.className === className);
    const header = [...(table?.tHead.rows[0].cells ?? [])].find((one) => nameOf(one) === title.join(","));
    showColumns(state.get("columns") === "all" || Boolean(header?.classList.contains("extra")));
    if (header && turned[direction]) sort(header, direction);
    filter();
  }

  // A shadow where a table goes on to the right.

  function hints() {
    for (const box of document.querySelectorAll(".scroll")) {
      box.classList.toggle("further", box.scrollWidth - box.clientWidth - box.scrollLeft > 4);
    }
  }

  // Drill-down: built when asked for, from the data at the end of the page.

  let stored;
  const data = () => (stored ??= JSON.parse(document.getElementById("cells").textContent));

  function cellsOf(button) {
    const { table, row, task, status, error } = button.dataset;
    const { errors, statuses, tables } = data();
    const reason = error === undefined ? null : errors[error];
    return tables[table].cells[row].filter((cell) => {
      const [cellTask, , , , , , cellStatus, cellError] = cell;
      if (task !== undefined && cellTask !== Number(task)) return false;
      if (status !== undefined && statuses[cellStatus] !== status) return false;
      // Phase, type and message; the traceback may differ from seed to seed.
      return !reason || (cellError >= 0 && [0, 1, 2].every((part) => errors[cellError][part] === reason[part]));
    });
  }

  function errorRow([phase, type, message, traceback], open) {
    const row = make("tr", "", "error");
    const place = row.appendChild(make("td"));
    place.colSpan = 8;
    const text = `${type}${phase ? ` in ${phase}` : ""}${type || phase ? ": " : ""}${message}`;
    if (!traceback) {
      place.append(make("p", text));
      return row;
    }
    const details = place.appendChild(make("details"));
    details.open = open;
    details.append(make("summary", text), make("pre", traceback));
    return row;
  }

  function addCells(body, tableNumber, cells, open) {
    const { errors, statuses, tables } = data();
    for (const [task, shots, seed, score, seconds, trained, status, error, more] of cells) {
      const row = body.appendChild(make("tr"));
      const name = statuses[status];
      for (const text of [tables[tableNumber].tasks[task], shots, seed, score, seconds, trained]) row.append(make("td", String(text)));
      row.append(make("td", name, ["ok", "not applicable"].includes(name) && !(name === "ok" && error >= 0) ? "" : "bad"));
      row.append(make("td", more, "further"));
      if (error >= 0) body.append(errorRow(errors[error], open));
    }
  }

  // The row against the best one, on the same test examples.
  function against(button) {
    const { table, row, task, error } = button.dataset;
    const { tasks, against: found } = data().tables[table];
    if (error !== undefined || !found.rows?.[row]) return [];
    const [label, difference, interval, all] = found.rows[row];
    const shown = all.filter(([number]) => task === undefined || number === Number(task));
    if (!shown.length) return [];
    const mean = task === undefined ? `: ${difference} points, ${interval} with other test examples (paired bootstrap, 95%)` : "";
    const grid = make("table", "", "against");
    const head = grid.createTHead().insertRow();
    for (const title of ["task", "examples better here", `better for ${label}`, "p (McNemar)"]) {
      const header = head.appendChild(make("th", title));
      header.scope = "col";
    }
    const body = grid.createTBody();
    for (const [number, ...figures] of shown) {
      const line = body.insertRow();
      for (const text of [tasks[number], ...figures]) line.append(make("td", String(text)));
    }
    return [make("p", `Against ${label} on the same test examples, ${found.shots}${mean}`), grid];
  }

  function drill(button) {
    const box = make("div", "", "drill");
    const cells = cellsOf(button);
    const missing = Number(button.dataset.missing ?? 0);
    if (cells.length) {
      const table = box.appendChild(make("table", "", "cells"));
      const head = table.createTHead().insertRow();
      for (const title of ["task", "shots", "seed", "score (%)", "seconds", "trained parameters", "status", "further"]) {
        const header = head.appendChild(make("th", title));
        header.scope = "col";
      }
      const body = table.createTBody();
      let shown = 0;
      const more = make("button", "", "more");
      more.type = "button";
      const step = () => {
        addCells(body, button.dataset.table, cells.slice(shown, shown + CHUNK), cells.length === 1);
        shown = Math.min(shown + CHUNK, cells.length);
        more.textContent = `Show more: ${shown} of ${cells.length} cells are shown`;
        if (shown === cells.length) more.remove();
      };
      box.append(more);
      more.addEventListener("click", step);
      step();
    }
    if (missing) box.append(make("p", `${missing} more cell${missing > 1 ? "s have" : " has"} no record.`));
    box.append(...against(button));
    return box;
  }

  function toggle(button) {
    const row = button.closest("tr");
    const expand = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(expand));
    if (!expand) {
      detailOf(row).remove();
      return;
    }
    const detail = make("tr", "", "detail-row");
    const place = detail.appendChild(make("td"));
    place.colSpan = row.cells.length;
    place.append(drill(button));
    row.after(detail);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("controls").hidden = false;
    themeButton();
    for (const id of ["by-name", "by-family", "by-kind"]) document.getElementById(id).addEventListener("input", () => { filter(); tell(); });
    document.addEventListener("click", ({ target }) => {
      if (target.matches(".sort")) { sort(target.closest("th")); tell(); return; }
      if (target.matches(".open")) { toggle(target); return; }
      if (target.id === "columns") { showColumns(root.dataset.columns !== "all"); tell(); return; }
      if (target.closest("a, button, input, select, summary, .detail-row") || !getSelection().isCollapsed) return;
      const opener = target.closest(".scroll > table > tbody > tr")?.querySelector(".open");
      if (opener) toggle(opener);
    });
    for (const box of document.querySelectorAll(".scroll")) box.addEventListener("scroll", hints, { passive: true });
    addEventListener("resize", hints);
    addEventListener("toggle", hints, true);
    addEventListener("hashchange", follow);
    filter(); // a browser may have kept what was typed before a reload
    follow();
    hints();
  });
})();

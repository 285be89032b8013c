
"use strict";
// Sort, search, and show who has what. Texts are only ever compared or put in as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const search = document.getElementById("search");
  const said = document.getElementById("said");
  const chip = document.getElementById("chip");
  const heads = Array.from(table.tHead.rows[0].cells);
  const students = (number) => `${number} student${number === 1 ? "" : "s"}`;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  let texts = null; // of the rows, made when they are first searched
  let group = null;

  function show() {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    const members = group && new Set(group.rows);
    if (words.length && !texts) texts = rows.map((row) => plain(row.textContent));
    let count = 0;
    rows.forEach((row, n) => {
      const fits = (!members || members.has(n)) && words.every((word) => texts[n].includes(word));
      if (row.hidden === fits) row.hidden = !fits;
      count += fits;
    });
    said.textContent = `${count} of ${students(rows.length)}`;
  }

  function sort(column) {
    const head = heads[column];
    const now = head.getAttribute("aria-sort");
    // names from A, numbers from the largest; the second time the other way round
    const down = now === "ascending" || (now !== "descending" && column > 0);
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const values = data.order.map((row) => row[column]);
    const order = rows.map((row, n) => n);
    order.sort((a, b) => {
      const x = values[a], y = values[b];
      if (x === null || y === null) return (x === null) - (y === null) || a - b; // what is missing stays below
      return (down ? y - x : x - y) || a - b;
    });
    const sorted = document.createDocumentFragment();
    order.forEach((n) => sorted.append(rows[n]));
    body.append(sorted);
  }

  function follow() {
    const found = /^#who-([a-z]\d+)$/.exec(location.hash);
    const next = found && Object.hasOwn(data.groups, found[1]) ? data.groups[found[1]] : null;
    if (!next && !group) return;
    group = next;
    chip.hidden = !group;
    document.getElementById("chip-words").textContent = group ? group.title : "";
    show();
    if (group) {
      const title = document.getElementById("students");
      title.scrollIntoView();
      title.focus({ preventScroll: true });
    }
  }

  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => sort(column));
  });
  search.addEventListener("input", show);
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.hash && link.hash === location.hash) follow(); // the same link again changes no address
  });
  said.textContent = students(rows.length);
  document.getElementById("tools").hidden = false;
  follow();
})();

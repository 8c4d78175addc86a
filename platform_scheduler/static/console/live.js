// Keeps the live part of a page fresh without a reload: what has changed is written over, focus and all else stays.
"use strict";
(() => {
  const SLOWEST = 60000;
  const part = document.getElementById("live");
  const freshness = document.getElementById("freshness");
  const news = document.getElementById("news");
  if (!part || !freshness) return;
  const every = Number(part.dataset.every) || 3000;
  const isList = "rows" in part.dataset;
  let wait = every;
  let seen = Date.now();
  let tag = "";
  let timer = 0;

  function tell(text, isStale) {
    freshness.textContent = text;
    part.classList.toggle("stale", isStale);
    freshness.classList.toggle("stale", isStale);
  }

  function time() {
    return new Date(seen).toISOString().slice(11, 19) + " UTC";
  }

  function isOld() {
    return Date.now() - seen > 4 * every;
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, wait);
  }

  // Of a list nothing is written over while somebody chooses rows, marks text in them or sets a filter.
  function isHeld() {
    if (!isList) return false;
    const marked = getSelection();
    return Boolean(
      part.querySelector("tbody :checked") ||
      document.activeElement?.closest("#changelist-search, #changelist-filter") ||
      (marked && !marked.isCollapsed && part.contains(marked.anchorNode)),
    );
  }

  function put(text) {
    if (isList) putRows(text);
    else Idiomorph.morph(part, text, { morphStyle: "innerHTML", ignoreActiveValue: true });
  }

  // Rows stay where they stand, with their boxes, so that nobody chooses another than he looks at: what they say is
  // written over. Of rows that have come, and of those that have left, it is said how many there are.
  function putRows(text) {
    const sent = new DOMParser().parseFromString(text, "text/html");
    const gone = new Map(Array.from(part.querySelectorAll("tbody tr"), (row) => [rowId(row), row]));
    let come = 0;
    for (const row of sent.querySelectorAll("tbody tr")) {
      const shown = gone.get(rowId(row));
      gone.delete(rowId(row));
      if (shown) putCells(shown, row);
      else come += 1;
    }
    for (const row of gone.values()) row.classList.add("gone");
    const parts = [come && come + " new", gone.size && gone.size + " no longer on this page"].filter(Boolean);
    news.hidden = parts.length === 0;
    news.textContent = parts.join(", ") + ": show";
    putTotals(sent);
  }

  // How many rows there are is said below them and beside the search.
  function putTotals(sent) {
    const foot = sent.querySelector(".foot");
    Idiomorph.morph(part.querySelector(".foot"), foot.innerHTML, { morphStyle: "innerHTML" });
    const total = foot.querySelector(".total").textContent;
    for (const shown of document.querySelectorAll("#changelist .total")) shown.textContent = total;
  }

  function putCells(shown, row) {
    shown.classList.remove("gone");
    for (const [number, cell] of Array.from(row.cells).entries()) {
      if (cell.classList.contains("action-checkbox")) continue;
      Idiomorph.morph(shown.cells[number], cell.innerHTML, { morphStyle: "innerHTML", ignoreActiveValue: true });
    }
  }

  // Who may choose no rows has no boxes, but a link to each row's page all the same.
  function rowId(row) {
    const box = row.querySelector("input.action-select");
    return box ? box.value : (row.querySelector('a[href*="/change/"]') || row.querySelector("a[href]")).pathname;
  }

  async function ask() {
    const headers = { "X-Part": "live" };
    if (tag) headers["If-None-Match"] = tag;
    const answer = await fetch(part.dataset.live, { headers, redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 403) return false;
    if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
    const text = answer.status === 304 ? "" : await answer.text();
    if (isHeld()) return true; // somebody has begun to choose meanwhile
    if (text) put(text);
    if (text) tag = answer.headers.get("ETag") || "";
    seen = Date.now();
    tell("Updated " + time(), false);
    return true;
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      if (isHeld()) {
        tell("Waits for what you are choosing. It shows what was at " + time() + ".", isOld());
      } else if (!(await ask())) {
        tell("You are no longer logged in: reload the page. It shows what was at " + time() + ".", true);
        return;
      }
      wait = every;
    } catch (error) {
      wait = Math.min(wait * 2, SLOWEST);
    }
    later();
  }

  setInterval(() => {
    if (isOld() && !document.hidden && !part.classList.contains("stale")) {
      tell("Stale: the server does not answer. This is what was at " + time() + ".", true);
    }
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  later();
})();

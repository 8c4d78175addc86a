// Keeps the live part of a page fresh without a reload: what has changed is written over, focus and all else stays.
"use strict";
(() => {
  const EVERY = 3000;
  const SLOWEST = 60000;
  const STALE = 12000;
  const part = document.getElementById("live");
  const freshness = document.getElementById("freshness");
  if (!part || !freshness) return;
  let wait = EVERY;
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

  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, wait);
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const headers = { "X-Part": "live" };
      if (tag) headers["If-None-Match"] = tag;
      const answer = await fetch(part.dataset.live, { headers, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 403) {
        tell("You are no longer logged in: reload the page. It shows what was at " + time() + ".", true);
        return;
      }
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(String(answer.status));
        const text = await answer.text();
        Idiomorph.morph(part, text, { morphStyle: "innerHTML", ignoreActiveValue: true });
        tag = answer.headers.get("ETag") || "";
      }
      seen = Date.now();
      wait = EVERY;
      tell("Updated " + time(), false);
    } catch (error) {
      wait = Math.min(wait * 2, SLOWEST);
    }
    later();
  }

  setInterval(() => {
    if (Date.now() - seen > STALE && !document.hidden && !part.classList.contains("stale")) {
      tell("Stale: the server does not answer. This is what was at " + time() + ".", true);
    }
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  later();
})();

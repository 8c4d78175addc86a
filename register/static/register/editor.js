// Asks the server what is typed into a form means, a schedule or a calendar: it alone knows when something fires.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const meaning = document.getElementById("meaning");
  const form = meaning && meaning.closest("form");
  if (!form || !meaning.dataset.preview) return;
  let timer = 0;
  let asked = null;

  async function ask() {
    if (asked) asked.abort();
    asked = new AbortController();
    meaning.classList.add("asking");
    try {
      const answer = await fetch(meaning.dataset.preview, {
        method: "POST", body: new FormData(form), signal: asked.signal, redirect: "error",
      });
      if (!answer.ok) throw new Error(String(answer.status));
      meaning.innerHTML = await answer.text();
    } catch (error) {
      if (error.name === "AbortError") return; // Whoever asks now says what comes of it.
      meaning.textContent = "The server does not say what this means: try again.";
    }
    meaning.classList.remove("asking");
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 250);
  });
  ask();
});

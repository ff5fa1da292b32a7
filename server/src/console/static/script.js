// Comfort only: without it every page works.
"use strict";

// The reader's own way of writing where it is one of the page's language.
const page = document.documentElement.lang;
const locale = navigator.language.startsWith(page) ? navigator.language : page;
const [copy, copied] = page === "de" ? ["Kopieren", "Kopiert"] : ["Copy", "Copied"];

// Times in the reader's zone; the hover text keeps UTC.
for (const time of document.querySelectorAll("time[datetime]")) {
  const when = new Date(time.dateTime);
  if (!Number.isNaN(when.getTime())) {
    time.title = time.textContent;
    const timeStyle = "seconds" in time.dataset ? "medium" : "short";
    time.textContent = when.toLocaleString(locale, { dateStyle: "medium", timeStyle });
  }
}

// The first field that is wrong.
document.querySelector("[aria-invalid=true]")?.focus();

// Back to where one came from, with what was entered there.
for (const back of document.querySelectorAll("[data-back]")) {
  back.hidden = history.length < 2;
  back.addEventListener("click", () => history.back());
}

// A value that somebody enters for a group is its own.
for (const control of document.querySelectorAll(".setting .control")) {
  const own = control.querySelector("[name^=own-]");
  control.addEventListener("input", (event) => {
    if (own && event.target !== own) { own.checked = true; }
  });
}

// A one-time link's secret, which no server sees; and that of another link, opened in the same place.
for (const field of document.querySelectorAll("[data-from-fragment]")) {
  addEventListener("hashchange", () => location.reload());
  if (location.hash.length > 1) {
    field.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    field.readOnly = true;
  }
}

for (const shown of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = copy;
  button.setAttribute("aria-label", copy + " " + shown.dataset.copy);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(shown.textContent);
    button.textContent = copied;
    setTimeout(() => { button.textContent = copy; }, 2000);
  });
  shown.after(button);
}

// The status of a test approval, until it has ended.
for (const badge of document.querySelectorAll("[data-status]")) {
  (async () => {
    for (let ended = !badge.classList.contains("pending"); !ended;) {
      const answer = await fetch(badge.dataset.status, { credentials: "same-origin" });
      if (!answer.ok || !answer.headers.get("content-type").startsWith("application/json")) { break; }
      const seen = await answer.json();
      badge.textContent = seen.words;
      badge.className = "badge " + seen.status;
      ended = seen.ended;
    }
  })();
}

// Turns what stands behind the # into a button and a QR. It never leaves the browser: there is no request here.
"use strict";

// Another link that is opened in the same place.
addEventListener("hashchange", () => location.reload());

const given = new URLSearchParams(location.hash.slice(1));
// Nothing of it stays in the address line or the history.
history.replaceState(null, "", location.pathname);

const form = document.querySelector("#ticket");
const code = document.querySelector("#code");
const error = document.querySelector("#code-error");
const result = document.querySelector("#result");

// A page on one server that names another would show the person the wrong name.
const isOurs = () => {
  try {
    return new URL(given.get("a")).origin === location.origin;
  } catch {
    return false;
  }
};
const isWhole = given.get("v") === "1" && /^\d{10}$/.test(given.get("s") ?? "") && given.has("k") && isOurs();

function show(password) {
  const parts = new URLSearchParams();
  for (const [name, value] of [["v", "1"], ["a", given.get("a")], ["s", given.get("s")], ["p", password],
    ["k", given.get("k")], ["t", given.get("t")]]) {
    if (value !== null) {
      parts.append(name, value);
    }
  }
  const link = "symbolon://activate?" + parts;
  document.querySelector("#open").href = link;
  const qr = qrcode(0, "M");
  qr.addData(link, "Byte");
  qr.make();
  const canvas = document.querySelector("#qr");
  const [module, quiet, count] = [4, 4, qr.getModuleCount()];
  canvas.width = canvas.height = (count + 2 * quiet) * module;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (qr.isDark(row, column)) {
        pen.fillRect((column + quiet) * module, (row + quiet) * module, module, module);
      }
    }
  }
  form.hidden = true;
  result.hidden = false;
  document.querySelector("#open").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const password = code.value.replace(/[\s-]/g, "");
  const isCode = /^\d{16,32}$/.test(password);
  error.hidden = isCode;
  code.setAttribute("aria-invalid", String(!isCode));
  if (isCode) {
    show(password);
  } else {
    code.focus();
  }
});

if (isWhole) {
  document.querySelector("#serial").value = given.get("s").replace(/^(\d{5})/, "$1-");
  if (given.has("p")) {
    show(given.get("p"));
  } else {
    form.hidden = false;
  }
} else {
  document.querySelector("#incomplete").hidden = false;
}

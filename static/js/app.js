// What the pages do beyond forms and links. Everything works without this file.
"use strict";

const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
const openMenus = () => document.querySelectorAll("details.menu[open]");

// Copy the command beside the button. Plain http has no clipboard, so fall back to the selection.
async function copy(button) {
  const source = button.parentElement.querySelector("code, pre");
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return;
    getSelection().removeAllRanges();
  }
  const said = button.parentElement.querySelector("[role=status]");
  const say = (word, announced) => {
    button.textContent = word;
    button.toggleAttribute("data-copied", Boolean(announced));
    if (said) said.textContent = announced;
  };
  say("copied", "copied");
  setTimeout(say, 2000, "copy", "");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of openMenus()) {
      menu.open = false;
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    }
  }
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
});

// After htmx has put a fragment in its place, the focus goes where the work goes on.
document.addEventListener("htmx:load", (event) => {
  const fragment = event.detail.elt;
  if (fragment === document.body) return;
  const next = fragment.matches("[data-autofocus]") ? fragment : fragment.querySelector("[data-autofocus]");
  if (next) next.focus();
});

// The browser made or found no passkey, or its person said no.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.dataset.tone = "bad";
  notice.setAttribute("role", "alert");
  notice.append(document.createElement("p"));
  notice.firstChild.textContent = "The passkey was not used. Try again, or choose another way.";
  document.querySelector("#notices").replaceChildren(notice);
});

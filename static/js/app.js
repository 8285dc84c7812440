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

// Names below the search box: arrows choose one, Enter opens it, Escape closes the list.
const options = (box) => [...document.getElementById(box.dataset.suggest).querySelectorAll("[role=option]")];

function point(box, chosen) {
  const all = options(box);
  for (const each of all) each.setAttribute("aria-selected", String(each === chosen));
  box.setAttribute("aria-expanded", String(all.length > 0));
  if (chosen) box.setAttribute("aria-activedescendant", chosen.id);
  else box.removeAttribute("aria-activedescendant");
}

function closeSuggestions(box) {
  document.getElementById(box.dataset.suggest).replaceChildren();
  point(box, null);
}

for (const box of document.querySelectorAll("[data-suggest]")) {
  const place = document.getElementById(box.dataset.suggest);
  const words = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": place.id };
  for (const [name, value] of Object.entries(words)) box.setAttribute(name, value);
  box.addEventListener("keydown", (event) => {
    const all = options(box);
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      // One place more than there are names: the text itself, which Enter searches for.
      point(box, all[((at + 1 + step + all.length + 1) % (all.length + 1)) - 1]);
      event.preventDefault();
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      location.assign(all[at].dataset.href);
    } else if (event.key === "Escape" && all.length) {
      event.preventDefault(); // the first Escape closes the list, the next one empties the box
      closeSuggestions(box);
    }
  });
  box.addEventListener("blur", () => closeSuggestions(box));
  place.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  place.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.href);
  });
  place.addEventListener("htmx:afterSwap", () => {
    if (document.activeElement === box) point(box, null);
    else closeSuggestions(box);
  });
}

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

// What a page does besides showing: it refreshes itself, copies commands, and finds. Without this script every page works.
"use strict";

const frame = () => document.getElementById("frame");

// A refresh says what is on the page already, and a page that nobody sees is not refreshed.
document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (!ctx.sourceElement?.hasAttribute("data-poll")) return;
  if (document.hidden) {
    event.preventDefault();
    return;
  }
  ctx.request.headers["X-VSA-Digest"] = ctx.sourceElement.dataset.digest;
});

// Nothing has changed: the time of the server is when it found that.
document.addEventListener("htmx:after:request", (event) => {
  const { response } = event.detail.ctx;
  const time = response?.headers?.get?.("X-VSA-Time");
  const shown = document.getElementById("as-of");
  if (!time || !shown || response.status !== 204) return;
  shown.dateTime = time;
  const at = new Date(time);
  const words = { day: "numeric", month: "short", timeZone: "UTC" };
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: "UTC" };
  shown.textContent = `${at.toLocaleDateString("en-GB", words)} ${at.toLocaleTimeString("en-GB", clock)}`;
});

// A page that is seen again is brought up to date at once.
document.addEventListener("visibilitychange", () => {
  const page = frame();
  if (!document.hidden && page) htmx.trigger(page, "vsa:seen");
});

document.addEventListener("click", (event) => {
  const copied = event.target.closest("[data-copy]");
  if (copied) copy(copied);
  if (event.target.closest('[data-do="theme"]')) changeTheme();
});

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.textContent.trim());
    button.dataset.copied = "copied";
    setTimeout(() => delete button.dataset.copied, 2000);
  } catch {
    // Without the right to copy, the text is selected instead.
    getSelection().selectAllChildren(button);
  }
}

function changeTheme() {
  const root = document.documentElement;
  const now = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submit]")) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const field = document.querySelector("[data-find]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

document.querySelector(".nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// The live tail: rows of the server, the newest first, until the reader stops it. A tab that nobody sees follows nothing.
let tail = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-follow]");
  if (button) follow(button, !tail);
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) tail?.source.close();
  else if (tail) follow(tail.button, true);
});

function follow(button, on) {
  tail?.source.close();
  tail = on ? { button, source: new EventSource(button.dataset.follow) } : null;
  const [, state, box] = button.parentElement.children;
  button.setAttribute("aria-pressed", String(on));
  state.textContent = on ? "follows, three seconds behind" : "";
  if (!on) return;
  box.hidden = false;
  const body = box.querySelector("tbody");
  tail.source.onmessage = ({ data }) => {
    state.textContent = "follows, three seconds behind";
    body.insertAdjacentHTML("afterbegin", data);
    while (body.rows.length > 500) body.lastElementChild.remove();
  };
  tail.source.onerror = () => {
    state.textContent = tail?.source.readyState === EventSource.CLOSED ? "cannot follow: too many follow already" : "tries again";
  };
}

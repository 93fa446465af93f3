// What a page does besides showing: it refreshes itself, copies commands, and finds. Without this script every page works.
"use strict";

const frame = () => document.getElementById("frame");

// A refresh says what is on the page already, and a page that nobody sees is not refreshed.
document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (!ctx.sourceElement?.hasAttribute("data-poll")) return;
  if (document.hidden) event.preventDefault();
  ctx.request.headers["X-VSA-Digest"] = ctx.sourceElement.dataset.digest;
});

// Nothing has changed: the time of the server is when it found that.
document.addEventListener("htmx:after:request", (event) => {
  const { response } = event.detail.ctx;
  const time = response?.headers?.get?.("X-VSA-Time");
  const shown = document.getElementById("as-of");
  if (!time || !shown || response.status !== 204) return;
  shown.dateTime = time;
  const words = new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  shown.textContent = `${words} ${time.slice(11, 19)}`;
});

// A page that is seen again is brought up to date at once.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && frame()) htmx.trigger(frame(), "vsa:seen");
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
  drawCharts();
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

// Charts that one reads with a pointer. Without script there is the drawing of the server, and the table below it in any case.
const SCALES = { seconds: (value) => (value < 1 ? `${+(value * 1000).toFixed(0)} ms` : `${value} s`) };

function drawCharts() {
  if (typeof uPlot === "undefined") return;
  for (const box of document.querySelectorAll("[data-plot]")) {
    const said = `${box.clientWidth} ${getComputedStyle(box).color} ${box.dataset.plot}`;
    const before = box.querySelector(".uplot");
    if (box.said === said && before) continue;
    before?.remove();
    box.said = said;
    box.tall ??= box.querySelector("figure svg").clientHeight;
    const { times, series, stacked, unit } = JSON.parse(box.dataset.plot);
    // A canvas knows no token, so an element is asked what colour a token is.
    const probe = box.appendChild(document.createElement("i"));
    const ink = (name) => ((probe.style.color = `var(--${name})`), getComputedStyle(probe).color);
    // Stacked values are drawn from the highest sum down, each over the one before.
    const sums = times.map(() => 0);
    const drawn = series.map(({ values }) =>
      values.map((value, i) => (value === null ? null : (sums[i] = stacked ? sums[i] + value : value))));
    const lines = series.map(({ name, colour, texts }) => ({
      label: name, stroke: ink(`c${colour}`), fill: stacked ? ink(`c${colour}`) : undefined, points: { show: false },
      value: (_plot, _value, _line, i) => texts[i ?? texts.length - 1],
    }));
    const axis = { stroke: ink("muted"), grid: { stroke: ink("line"), width: 1 }, font: "11px Inter, sans-serif" };
    const words = SCALES[unit] ?? ((value) => value.toLocaleString("en"));
    const when = times.at(-1) - times[0] > 172800 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
    const clock = (at) => new Date(at * 1000).toLocaleString("en-GB", { ...when, timeZone: "UTC" });
    probe.remove();
    new uPlot({
      width: box.clientWidth, height: box.tall + 40, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
      scales: { y: { range: (_plot, _low, high) => [0, high * 1.05 || 1] } },
      series: [{ label: "UTC", value: "{D} {MMM} {HH}:{mm}" }, ...lines.reverse()],
      axes: [{ ...axis, values: (_plot, ats) => ats.map(clock) }, { ...axis, size: 64, values: (_plot, values) => values.map(words) }],
    }, [times, ...drawn.reverse()], box);
    box.classList.add("is-drawn");
  }
}

for (const event of ["htmx:after:swap", "DOMContentLoaded"]) document.addEventListener(event, drawCharts);
addEventListener("resize", drawCharts);

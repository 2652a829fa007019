"use strict";

// One sound at a time.
const players = [...document.querySelectorAll("audio")];
function stopOthers(player) {
  for (const other of players) if (other !== player) other.pause();
}
for (const player of players) player.addEventListener("play", () => stopOthers(player));

// The table: sorted by its headings, filtered by the form above it.

const table = document.getElementById("table");
const body = table.tBodies[0];
const rows = [...body.rows].map((row) => ({
  row,
  values: [...row.cells].map((cell) =>
    "value" in cell.dataset ? (cell.dataset.value === "" ? null : Number(cell.dataset.value)) : cell.textContent),
}));
// The columns by their names in the template: {name: index}.
const columns = Object.fromEntries([...table.tHead.rows[0].cells].map((heading, i) => [heading.dataset.column, i]));

function compare(a, b) {
  if (a === null || b === null) return null;
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}

function sort(column, ascending) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading) => heading.removeAttribute("aria-sort"));
  headings[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  rows.sort((first, second) => {
    const [a, b] = [first.values[column], second.values[column]];
    const order = compare(a, b);
    // Rows without a value come last in either direction.
    return order === null ? (a === null) - (b === null) : ascending ? order : -order;
  });
  body.append(...rows.map((entry) => entry.row));
}

[...table.tHead.rows[0].cells].forEach((heading, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = heading.textContent;
  heading.replaceChildren(button);
  button.addEventListener("click", () => {
    const now = heading.getAttribute("aria-sort");
    sort(column, now ? now === "descending" : heading.classList.contains("text"));
  });
});

const filters = document.getElementById("filters");
const [byName, bySpeaker, least, most] = ["name", "speaker", "least", "most"].map((id) => document.getElementById(id));

function filter() {
  const wanted = byName.value.trim().toLowerCase();
  const [low, high] = [least, most].map((field) => (field.value === "" ? null : field.valueAsNumber));
  let count = 0;
  for (const { row, values } of rows) {
    const stoi = values[columns.stoi];
    const shown = values[columns.name].toLowerCase().includes(wanted)
      && (bySpeaker.value === "" || values[columns.speaker] === bySpeaker.value)
      && (low === null || (stoi !== null && stoi >= low))
      && (high === null || (stoi !== null && stoi <= high));
    row.hidden = !shown;
    count += shown;
  }
  const total = `${rows.length} recording${rows.length === 1 ? "" : "s"}`;
  document.getElementById("count").textContent = count === rows.length ? total : `${count} of ${total}`;
}

filters.hidden = false;
for (const event of ["input", "change"]) filters.addEventListener(event, filter);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(filter));

// The blind test.

const SIGNIFICANT = 0.05;
// With fewer answers, even all right ones may be guessed: 0.5 ** 5 < SIGNIFICANT.
const FEWEST_ANSWERS = 5;

// Return the probability that someone who guesses is right at least `right` times of `n`.
function chanceOfGuessing(right, n) {
  let sum = 0;
  let logChoose = 0;
  for (let k = 0; k <= n; k++) {
    if (k >= right) sum += Math.exp(logChoose - n * Math.LN2);
    logChoose += Math.log(n - k) - Math.log(k + 1);
  }
  return Math.min(1, sum);
}

function startTest(test) {
  const trials = JSON.parse(document.getElementById("trials").textContent);
  const pair = document.getElementById("pair");
  const start = document.getElementById("start");
  const status = document.getElementById("status");
  const tally = document.getElementById("tally");
  const buttons = [...document.querySelectorAll("#plays button")];
  const keys = buttons.map((button) => button.dataset.key);
  const sound = new Audio();
  players.push(sound);
  sound.addEventListener("play", () => stopOthers(sound));
  const counts = {};
  let trial = null;

  function next() {
    const chosen = trials[Math.floor(Math.random() * trials.length)];
    const sounds = pair.value.split(" ").map((key) => chosen.sounds[key]);
    if (Math.random() < 0.5) sounds.reverse();
    const isA = Math.random() < 0.5;
    trial = { name: chosen.name, sounds: { 1: sounds[0], 2: sounds[1], x: sounds[isA ? 0 : 1] }, isA, played: new Set() };
  }

  function show() {
    const count = counts[pair.value];
    if (!count) {
      tally.textContent = "";
      return;
    }
    const p = chanceOfGuessing(count.right, count.n);
    const meaning = p < SIGNIFICANT ? "you hear the difference" :
      count.n < FEWEST_ANSWERS ? `go on: it takes at least ${FEWEST_ANSWERS} answers` : "no better than guessing so far";
    tally.textContent = `${count.right} of ${count.n} right, p = ${p.toFixed(p < 0.001 ? 6 : 3)}: ${meaning}.`;
  }

  function press(key) {
    if (!trial) return;
    if (key in trial.sounds) {
      trial.played.add(key);
      sound.src = trial.sounds[key];
      sound.play().catch(() => { status.textContent = "The sound cannot be played: is the folder `sound` still beside the page?"; });
      return;
    }
    if (trial.played.size < 3) {
      status.textContent = "Listen to A, B and X first.";
      return;
    }
    const right = (key === "a") === trial.isA;
    const count = (counts[pair.value] ??= { right: 0, n: 0 });
    count.n += 1;
    count.right += right;
    status.textContent = `${right ? "Right" : "Wrong"}: X was ${trial.isA ? "A" : "B"}, in ${trial.name}. Here is the next one.`;
    sound.pause();
    next();
    show();
  }

  function run(on) {
    start.setAttribute("aria-pressed", String(on));
    start.textContent = on ? "Stop" : "Start";
    for (const button of buttons) button.disabled = !on;
    sound.pause();
    if (on) next();
    else trial = null;
    status.textContent = on ? "Keys: 1, 2 and x play; a and b answer." : "The keys work once the test has started.";
    show();
  }

  start.addEventListener("click", () => run(!trial));
  pair.addEventListener("change", () => run(Boolean(trial)));
  for (const button of buttons) button.addEventListener("click", () => press(button.dataset.key));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea");
    if (!trial || typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const key = event.key.toLowerCase();
    if (keys.includes(key)) {
      event.preventDefault();
      press(key);
    }
  });
  test.hidden = false;
}

const test = document.getElementById("test");
if (test) startTest(test);

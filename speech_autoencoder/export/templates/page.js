// The page: a recording through the model, its results, and what the user does.

const description = JSON.parse(element("model-data").textContent); // of the model
const page = JSON.parse(element("page-data").textContent); // bounds and colours
const { features } = description;

function element(id) {
  return document.getElementById(id);
}

// ---- messages

function say(text) {
  element("status").textContent = text;
}

function complain(text) {
  say("");
  element("error").textContent = text;
}

function showProgress(share) {
  element("progress").hidden = share === null;
  element("progress").value = share ?? 0;
}

const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

// ---- the worker, which does one task after another

const waiting = new Map(); // what to do with an answer, by the number of the question
let questions = 0;
let worker;

function startWorker() {
  const url = URL.createObjectURL(new Blob([`"use strict"; (${runWorker})()`], { type: "text/javascript" }));
  worker = new Worker(url);
  worker.onmessage = ({ data }) => {
    const { resolve, reject, onShare } = waiting.get(data.id);
    if ("share" in data) return onShare(data.share);
    waiting.delete(data.id);
    if ("error" in data) return reject(new Error(advise(data.error)));
    for (const [step, ms] of Object.entries(data.milliseconds)) {
      document.querySelector(`[data-step="${step}"]`).textContent = `${ms.toFixed(0)} ms`;
    }
    return resolve(data.result);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    for (const { reject } of waiting.values()) reject(new Error(advise(event.message)));
    waiting.clear();
  };
}

function advise(error) {
  return `The page could not compute this (${error}): load it again, in a current Chrome, Edge, Firefox or Safari.`;
}

// Return a promise of what a task gives; onShare is called with the share of it that is done.
function ask(task, input, onShare = () => {}) {
  return new Promise((resolve, reject) => {
    const id = questions++;
    waiting.set(id, { resolve, reject, onShare });
    worker.postMessage({ id, task, input });
  });
}

// ---- a recording through the model

let attempts = 0; // recordings, files and examples that were begun: what belongs to an earlier one is dropped
let recorder = null; // while the microphone records
let shown = null; // the recording with its results

function begin(text) {
  recorder?.stop();
  pause();
  element("error").textContent = "";
  say(text);
  return ++attempts;
}

let isAsking = false; // for the microphone; the button stays enabled, as it would lose the focus

async function record() {
  if (isAsking) return;
  isAsking = true;
  const attempt = begin("Allow this page to use the microphone …");
  try {
    const opened = await openMicrophone(showLevel, (blob) => {
      recorder = null;
      showRecording(false);
      if (attempt === attempts) take(blob, "Your recording");
    });
    if (attempt !== attempts) {
      opened.stop();
      return;
    }
    recorder = opened;
    showRecording(true);
    say("Speak now.");
  } catch (error) {
    if (attempt === attempts) complain(error.message);
  } finally {
    isAsking = false;
  }
}

function showRecording(isOn) {
  element("record").classList.toggle("recording", isOn);
  element("record-label").textContent = isOn ? "Stop" : "Record";
  element("recorder").hidden = !isOn;
}

function showLevel(level, elapsed) {
  element("level").value = level;
  element("time").textContent = `${elapsed.toFixed(1)} of ${page.longest_s} s`;
}

// Take a file, or what the microphone gave, through the model.
async function take(blob, name) {
  const attempt = begin(`Reading ${name} …`);
  const started = performance.now();
  try {
    const sound = await readSound(blob, name);
    if (attempt !== attempts) return;
    say(`Encoding ${name} …`);
    showProgress(0);
    const results = await ask("analyse", sound);
    results.decoded = await ask("decode", { latent: results.latent, nFrames: results.nFrames });
    results.reconstruction = results.decoded.own;
    if (attempt !== attempts) return;
    shown = { ...sound, ...results, name, muted: new Set(), made: "", sounds: {} };
    showResults();
    if (!(await makeSounds(shown))) return;
    const used = `Only the first ${(sound.samples.length / sound.sr).toFixed(0)} s of ${name} were used.`;
    say(`Ready after ${((performance.now() - started) / 1000).toFixed(1)} s. ${sound.isCut ? used : ""}`);
  } catch (error) {
    if (attempt !== attempts) return;
    complain(error.message);
    showProgress(null);
  }
}

// Make the sounds of a recording's log-mels, and return whether it is still the one that is shown.
async function makeSounds(recording) {
  const logMels = { reconstruction: recording.decoded.all, copy_synthesis: recording.original, pca: recording.pca };
  for (const [step, key] of Object.keys(logMels).entries()) {
    say(`Making sound: ${buttons[key].dataset.title} …`);
    const sharing = (share) => recording === shown && showProgress(0.1 + 0.3 * (step + share));
    const samples = await ask("invert", { frames: logMels[key], nSamples: recording.nSamples }, sharing);
    if (recording !== shown) return false;
    showSound(key, samples, features.sr);
  }
  showProgress(null);
  return true;
}

function showResults() {
  const duration = shown.samples.length / shown.sr;
  element("results").hidden = false;
  element("name").textContent = shown.name;
  element("seek").max = duration;
  removeSounds();
  showPosition(0);
  makeRows();
  showLogMels();
  showSound("original", shown.samples, shown.sr);
}

// Show what depends on the reconstruction's log-mel.
function showLogMels() {
  const { original, reconstruction, pca, latent, nFrames, nSamples, samples, sr } = shown;
  drawSpectrograms(original, reconstruction, nFrames);
  const [error, errorOfPCA] = [reconstruction, pca].map((estimate) => errorDb(original, estimate).toFixed(2));
  const facts = [
    `${(samples.length / sr).toFixed(2)} s`,
    `${counted(nSamples, "sample")} at ${features.sr.toLocaleString("en")} Hz`,
    `${counted(latent.length, "value")} in the latent`,
    `log-mel error ${error} dB (PCA baseline: ${errorOfPCA} dB)`,
  ];
  const toSpan = (fact) => Object.assign(document.createElement("span"), { textContent: fact });
  element("facts").replaceChildren(...facts.map(toSpan));
}

function showSound(key, samples, sr) {
  shown.sounds[key] = samples;
  setSound(key, samples, sr);
  drawWaveforms();
}

function drawWaveforms() {
  for (const canvas of document.querySelectorAll(".waveform")) {
    drawWaveform(canvas, shown?.sounds[canvas.dataset.of] ?? new Float32Array(0));
  }
}

// ---- the rows of the latent, which can be muted

function makeRows() {
  const size = description.latent_size;
  const { latent } = shown;
  // White is 0; the colours end where all but the largest values do.
  const most = latent.map(Math.abs).sort()[Math.floor(0.98 * (latent.length - 1))] || 1;
  const rows = Array.from({ length: size }, (_, row) => {
    const values = latent.filter((_, k) => k % size === row).map((x) => 0.5 + x / (2 * most));
    const [button, number, canvas] = ["button", "span", "canvas"].map((name) => document.createElement(name));
    Object.assign(button, { type: "button", className: "row", tabIndex: row ? -1 : 0 });
    button.setAttribute("aria-label", `Row ${row + 1}`);
    button.setAttribute("aria-pressed", "false");
    number.textContent = row + 1;
    draw(canvas, values, values.length, page.difference_colours);
    button.append(number, canvas);
    button.addEventListener("click", () => mute([row], !shown.muted.has(row)));
    return button;
  });
  element("latent").replaceChildren(...rows);
  element("muted").textContent = "";
}

function mute(rows, isMuted) {
  for (const row of rows) {
    if (isMuted) shown.muted.add(row);
    else shown.muted.delete(row);
    element("latent").children[row].setAttribute("aria-pressed", String(isMuted));
  }
  element("muted").textContent = `${shown.muted.size} of ${description.latent_size} muted`;
  reconstruct();
}

// Return the latent with every value of a muted row at the row's mean.
function mutedLatent({ latent, muted }) {
  const size = description.latent_size;
  const means = Array.from(muted, (row) => {
    const values = latent.filter((_, k) => k % size === row);
    return [row, values.reduce((sum, x) => sum + x, 0) / values.length];
  });
  const byRow = new Map(means);
  return latent.map((x, k) => byRow.get(k % size) ?? x);
}

let isReconstructing = false;

// Make the reconstruction again until it is that of the rows that are not muted.
async function reconstruct() {
  if (isReconstructing) return;
  isReconstructing = true;
  try {
    const wanted = () => [...shown.muted].sort().join();
    while (shown.made !== wanted()) {
      const [recording, rows] = [shown, wanted()];
      say("Making the reconstruction again …");
      const { own, all } = await ask("decode", { latent: mutedLatent(recording), nFrames: recording.nFrames });
      if (recording !== shown) continue;
      shown.reconstruction = own;
      showLogMels();
      const sharing = (share) => recording === shown && showProgress(share);
      const samples = await ask("invert", { frames: all, nSamples: recording.nSamples }, sharing);
      if (recording !== shown) continue;
      showSound("reconstruction", samples, features.sr);
      shown.made = rows;
      showProgress(null);
      const without = `The reconstruction is without ${counted(shown.muted.size, "row")} of the latent.`;
      say(rows ? without : "The reconstruction has all rows again.");
    }
  } catch (error) {
    complain(error.message);
  } finally {
    isReconstructing = false;
  }
}

// ---- what the user does

function listen() {
  element("record").addEventListener("click", () => (recorder ? recorder.stop() : record()));
  element("choose").addEventListener("click", () => element("file").click());
  element("file").addEventListener("change", ({ target }) => {
    if (target.files.length) take(target.files[0], target.files[0].name);
    target.value = ""; // so that the same file can be chosen again
  });
  element("example").addEventListener("click", () => {
    const bytes = Uint8Array.from(atob(element("example-data").textContent), (character) => character.charCodeAt(0));
    take(new Blob([bytes]), "The example");
  });
  const card = document.querySelector(".card");
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // or the browser would open the file in place of this page
    card.classList.add("target");
  });
  document.addEventListener("dragleave", () => card.classList.remove("target"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    card.classList.remove("target");
    const [file] = event.dataTransfer.files;
    if (file) take(file, file.name);
    else complain("That was not a file: drop a recording from a folder.");
  });

  for (const key of SOUNDS) {
    buttons[key].addEventListener("click", () => toggle(key));
    for (const name of ["play", "pause", "ended"]) audios[key].addEventListener(name, showPlaying);
  }
  element("seek").addEventListener("input", ({ target }) => seek(target.valueAsNumber));
  document.addEventListener("keydown", (event) => {
    const key = SOUNDS[Number(event.key) - 1];
    if (key && !event.ctrlKey && !event.metaKey && !event.altKey) toggle(key);
  });

  element("latent").addEventListener("keydown", (event) => {
    const rows = [...element("latent").children];
    const next = rows[rows.indexOf(document.activeElement) + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? NaN)];
    if (!next) return;
    event.preventDefault(); // the page stays where it is
    for (const row of rows) row.tabIndex = row === next ? 0 : -1;
    next.focus();
  });
  const rows = Array.from({ length: description.latent_size }, (_, row) => row);
  element("mute-all").addEventListener("click", () => mute(rows, true));
  element("unmute-all").addEventListener("click", () => mute(rows, false));

  window.addEventListener("resize", drawWaveforms);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawWaveforms);
}

async function start() {
  const missing = ["Worker", "OfflineAudioContext", "AudioContext"].find((name) => !window[name]);
  if (missing) return complain(advise(`there is no ${missing}`));
  try {
    startWorker();
    await ask("load", { description, base64: element("weights-data").textContent });
  } catch (error) {
    return complain(error.message);
  }
  element("weights-data").remove();
  const ramp = Float32Array.from({ length: 256 }, (_, k) => k / 255);
  draw(element("scale-level"), ramp, 256, page.level_colours);
  draw(element("scale-difference"), ramp, 256, page.difference_colours);
  listen();
  for (const id of ["record", "choose", "example"]) element(id).disabled = false;
  return say("");
}

start();

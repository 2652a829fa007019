"use strict";

// All sounds of a recording run side by side, and all but one are silent: so another one goes on at the same place.

const articles = [...document.querySelectorAll("article")];
const repeat = document.getElementById("repeat");
const status = document.getElementById("status");
const FADE_S = 0.01; // a sound that begins or ends at once clicks
const GAIN = 2; // the files are rather quiet
const decoded = new Map(); // the sounds of each article, once they were asked for
let context = null;
let playing = null; // {article, number, gains, sources, startedAt, duration}
let latest = 0; // the last request: sounds that are decoded later are not played any more
let last = articles[0]; // the recording that keys choose from

const buttonsOf = (article) => [...article.querySelectorAll("button")];

function decode(article) {
  if (!decoded.has(article)) {
    const contents = [...article.querySelectorAll("audio")].map((audio) =>
      Uint8Array.from(atob(audio.src.split(",")[1]), (character) => character.charCodeAt(0)).buffer);
    decoded.set(article, Promise.all(contents.map((content) => context.decodeAudioData(content))));
  }
  return decoded.get(article);
}

// Play a sound of a recording from its beginning.
async function start(article, number) {
  stop();
  const request = ++latest;
  context ??= new AudioContext();
  last = article;
  let buffers;
  try {
    [buffers] = await Promise.all([decode(article), context.resume()]);
  } catch {
    status.textContent = "This browser cannot play FLAC.";
    return;
  }
  if (request !== latest) return;
  const gains = buffers.map(() => new GainNode(context, { gain: 0 }));
  const sources = buffers.map((buffer, k) => {
    const source = new AudioBufferSourceNode(context, { buffer, loop: repeat.checked });
    source.connect(gains[k]).connect(context.destination);
    return source;
  });
  const startedAt = context.currentTime;
  for (const source of sources) source.start(startedAt);
  playing = { article, number, gains, sources, startedAt, duration: buffers[0].duration };
  const mine = playing;
  sources[0].addEventListener("ended", () => {
    if (playing === mine) stop();
  });
  article.classList.add("playing");
  choose(number);
  showPosition();
}

// Let another sound of the recording that plays be heard.
function choose(number) {
  const now = context.currentTime;
  playing.number = number;
  playing.gains.forEach(({ gain }, k) => gain.setTargetAtTime(k === number ? GAIN : 0, now, FADE_S / 3));
  buttonsOf(playing.article).forEach((button, k) => button.setAttribute("aria-pressed", String(k === number)));
}

function stop() {
  latest++;
  if (!playing) return;
  const { article, sources } = playing;
  playing = null;
  for (const source of sources) source.stop();
  article.classList.remove("playing");
  for (const button of buttonsOf(article)) button.setAttribute("aria-pressed", "false");
}

function press(article, number) {
  if (playing?.article !== article) start(article, number);
  else if (playing.number === number) stop();
  else choose(number);
}

function showPosition() {
  if (!playing) return;
  const { article, startedAt, duration } = playing;
  const part = ((context.currentTime - startedAt) % duration) / duration;
  for (const head of article.querySelectorAll(".playhead")) head.style.left = `${100 * part}%`;
  requestAnimationFrame(showPosition);
}

for (const article of articles) {
  buttonsOf(article).forEach((button, number) => {
    button.hidden = false;
    button.addEventListener("click", () => press(article, number));
  });
}
repeat.addEventListener("change", () => {
  for (const source of playing?.sources ?? []) source.loop = repeat.checked;
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const article = playing?.article ?? document.activeElement.closest("article") ?? last;
  const key = event.key.toLowerCase();
  const number = (Number(key) + 9) % 10; // as on the buttons: 1 is the first one, 0 the tenth
  if (key === "escape") stop();
  else if (key === "r") repeat.click();
  else if (/^[0-9]$/.test(key) && number < buttonsOf(article).length) press(article, number);
});
document.getElementById("controls").hidden = false;
document.body.classList.add("scripted");

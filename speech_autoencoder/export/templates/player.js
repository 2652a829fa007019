// The sounds of a recording: one plays at a time, and another one goes on at the same place.

const SOUNDS = ["original", "reconstruction", "copy_synthesis", "pca"];
const audios = Object.fromEntries(SOUNDS.map((key) => [key, element(`audio-${key}`)]));
const buttons = Object.fromEntries(SOUNDS.map((key) => [key, document.querySelector(`[data-sound=${key}]`)]));
let current = "original"; // the one that plays, or played last

// Give a player its sound; one that plays goes on with the new sound.
function setSound(key, samples, sr) {
  const { paused, currentTime } = audios[key];
  URL.revokeObjectURL(audios[key].src);
  audios[key].src = URL.createObjectURL(toWAV(samples, sr));
  audios[key].currentTime = currentTime;
  if (!paused) play(key, currentTime);
  buttons[key].disabled = false;
  if (key === "reconstruction") Object.assign(element("download"), { href: audios[key].src, hidden: false });
}

function removeSounds() {
  for (const key of SOUNDS) {
    URL.revokeObjectURL(audios[key].src);
    audios[key].removeAttribute("src");
    audios[key].load();
    buttons[key].disabled = true;
  }
  element("download").hidden = true;
  current = "original";
}

// Return a WAV file of one channel and 16 bits.
function toWAV(samples, sr) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, characters) => [...characters].forEach((c, k) => view.setUint8(at + k, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // the size of what follows
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sr, true);
  view.setUint32(28, 2 * sr, true); // bytes per second
  view.setUint16(32, 2, true); // bytes per sample
  view.setUint16(34, 16, true); // bits per sample
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((x, k) => view.setInt16(44 + 2 * k, Math.round(Math.min(1, Math.max(-1, x)) * 32767), true));
  return new Blob([view], { type: "audio/wav" });
}

function play(key, at) {
  pause();
  current = key;
  audios[key].currentTime = at;
  audios[key].play().catch(() => {}); // it was paused before it began
}

function pause() {
  for (const audio of Object.values(audios)) audio.pause();
}

function toggle(key) {
  if (buttons[key].disabled) return;
  if (!audios[key].paused) pause();
  else play(key, audios[current].ended ? 0 : audios[current].currentTime);
}

function seek(at) {
  audios[current].currentTime = at;
  showPosition(at);
}

function showPosition(at) {
  const duration = Number(element("seek").max);
  element("seek").value = at;
  element("position").textContent = `${at.toFixed(1)} of ${duration.toFixed(1)} s`;
  element("seek").setAttribute("aria-valuetext", element("position").textContent);
  for (const head of document.querySelectorAll(".playhead")) head.style.left = `${(100 * at) / duration}%`;
}

// Show what plays, and where, as long as something plays.
function showPlaying() {
  for (const key of SOUNDS) {
    buttons[key].setAttribute("aria-pressed", String(!audios[key].paused));
    buttons[key].classList.toggle("current", key === current);
  }
  const isPlaying = SOUNDS.some((key) => !audios[key].paused);
  document.body.classList.toggle("playing", isPlaying);
  if (!isPlaying) return;
  showPosition(audios[current].currentTime);
  requestAnimationFrame(showPlaying);
}

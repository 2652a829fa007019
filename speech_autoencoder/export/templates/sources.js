// Where sounds come from: files, which the browser decodes, and the microphone.

// Browsers resample what they decode to a rate that is chosen beforehand; this one holds all that speech has.
const DECODING_HZ = 48000;
// Channels whose mean has less than this share of their power cancel out: one is another upside down.
const CANCELLED = 1e-2;

const MICROPHONE_ERRORS = {
  NotAllowedError:
    "This page may not use the microphone: allow it beside the page's address, or in the system's settings, " +
    "or choose a file.",
  NotFoundError: "There is no microphone: connect one, or choose a file.",
  NotReadableError: "The microphone does not work, or another program uses it: close that program, or choose a file.",
};

// Return {samples, sr, seconds, isCut} of a file's first seconds, as one channel, and throw an Error that says what is
// wrong with it.
async function readSound(blob, name) {
  if (!blob.size) throw new Error(`${name} is empty, or a folder: choose a recording.`);
  const isWhole = blob.size <= page.most_bytes;
  let buffer;
  try {
    const bytes = await blob.slice(0, page.most_bytes).arrayBuffer();
    buffer = await makeDecoder(statedRate(bytes) ?? DECODING_HZ).decodeAudioData(bytes);
  } catch {
    throw new Error(
      isWhole
        ? `${name} is not a sound that this browser can read: choose a recording such as WAV, MP3, M4A, OGG or FLAC.`
        : `${name} is larger than ${page.most_bytes / 1e6} MB and cannot be read in part: choose a shorter recording.`,
    );
  }
  const { duration, sampleRate: sr } = buffer;
  if (duration < page.shortest_s) {
    throw new Error(`${name} has ${duration.toFixed(2)} s of sound: choose one of ${page.shortest_s} s or more.`);
  }
  const samples = toMono(buffer, Math.min(buffer.length, Math.round(page.longest_s * sr)));
  const peakDb = 20 * Math.log10(peakOf(samples));
  if (peakDb < page.silent_db) {
    const received = Number.isFinite(peakDb) ? `its peak is ${peakDb.toFixed(0)} dB` : "every sample is 0";
    throw new Error(`${name} is silent (${received}): is the right microphone on? Record again, or choose a file.`);
  }
  return { samples, sr, isCut: !isWhole || buffer.length > samples.length };
}

// Return the rate that a WAV, FLAC or Ogg Vorbis file states, so that it is resampled only once; null for others.
function statedRate(bytes) {
  const view = new DataView(bytes);
  const text = (at) => (at + 4 <= bytes.byteLength ? String.fromCharCode(...new Uint8Array(bytes, at, 4)) : "");
  if (text(0) === "fLaC" && bytes.byteLength > 21) return view.getUint32(18) >>> 12;
  if (text(0) === "OggS" && text(29) === "vorb" && bytes.byteLength > 43) return view.getUint32(40, true);
  if (text(0) !== "RIFF" || text(8) !== "WAVE") return null;
  for (let at = 12; at + 16 <= bytes.byteLength; at += 8 + view.getUint32(at + 4, true)) {
    if (text(at) === "fmt ") return view.getUint32(at + 12, true);
  }
  return null;
}

function makeDecoder(sr) {
  try {
    return new OfflineAudioContext(1, 1, sr);
  } catch {
    return new OfflineAudioContext(1, 1, DECODING_HZ); // a rate at which this browser does not decode
  }
}

// Return the first n samples as the mean of the channels, or, if they cancel out, the loudest.
function toMono(buffer, n) {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c).subarray(0, n));
  const power = (samples) => samples.reduce((sum, x) => sum + x * x, 0);
  const mean = new Float32Array(n);
  for (const channel of channels) channel.forEach((x, k) => (mean[k] += x / channels.length));
  const powers = channels.map(power);
  const loudest = channels[powers.indexOf(Math.max(...powers))];
  return power(mean) < CANCELLED * Math.max(...powers) ? loudest : mean;
}

function peakOf(samples) {
  return samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}

// Record from the microphone until stop() of what is returned; onLevel(level, seconds) is called meanwhile, and
// onEnd(blob) at the end. Throws an Error that says why it is not possible.
async function openMicrophone(onLevel, onEnd) {
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    throw new Error(
      "This page has no microphone: open it from disk or over https, in a current browser, or choose a file.",
    );
  }
  let stream;
  try {
    // As it is: what browsers do to the sound of calls would be another codec in front of this one.
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const others = `The microphone cannot be used (${error.message}): choose a file.`;
    throw new Error(MICROPHONE_ERRORS[error.name] ?? others);
  }
  // Samples as they are, where the browser can write them.
  const mimeType = "audio/webm;codecs=pcm";
  const isPossible = MediaRecorder.isTypeSupported(mimeType);
  const media = new MediaRecorder(stream, isPossible ? { mimeType } : { audioBitsPerSecond: 256000 });
  const chunks = [];
  media.ondataavailable = ({ data }) => chunks.push(data);
  const stop = () => media.state === "recording" && media.stop();
  for (const track of stream.getTracks()) track.onended = stop; // it was unplugged

  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const block = new Float32Array(analyser.fftSize);
  const start = performance.now();
  const timer = setInterval(() => {
    const elapsed = (performance.now() - start) / 1000;
    analyser.getFloatTimeDomainData(block);
    const peakDb = 20 * Math.log10(Math.max(peakOf(block), 1e-9));
    onLevel(Math.max(0, 1 - peakDb / page.silent_db), elapsed);
    if (elapsed >= page.longest_s) stop();
  }, 50);
  media.onstop = () => {
    clearInterval(timer);
    context.close();
    for (const track of stream.getTracks()) track.stop();
    onEnd(new Blob(chunks, { type: media.mimeType }));
  };
  media.start();
  return { stop };
}

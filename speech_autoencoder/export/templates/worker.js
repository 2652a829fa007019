// The page's work, in a thread of its own, so that the page stays responsive. It does one task after another.

let model; // what Python wrote into the page, see speech_autoencoder/export/speech_page.py
let weights; // every weight, one after another

// A task is a function of its input, of timed(step, work), which notes how long a step takes, and of tick(share).
const TASKS = {
  load({ description, base64 }) {
    model = description;
    weights = decodeFloat16(base64);
    // A short tone goes through everything, so that the browser has compiled the code before somebody speaks.
    const [run, tone] = [(step, work) => work(), Float32Array.from({ length: 24000 }, (_, k) => Math.sin(k / 9))];
    const results = TASKS.analyse({ samples: tone, sr: 48000 }, run);
    TASKS.invert({ frames: TASKS.decode(results, run).all, nSamples: results.nSamples }, run, () => {});
  },

  // A waveform -> its log-mel, its latent, and what the PCA baseline makes of it.
  analyse({ samples, sr }, timed) {
    const waveform = timed("resampling", () => resample(samples, sr, model.features.sr));
    const original = timed("log-mel", () => logMel(waveform));
    const latent = timed("encoder", () => encode(original));
    const nFrames = original.length / model.features.n_mels;
    return { nSamples: waveform.length, nFrames, original, latent, pca: throughPCA(original) };
  },

  // A latent -> its log-mel.
  decode: ({ latent, nFrames }, timed) => timed("decoder", () => decode(latent, nFrames)),

  // A log-mel -> a waveform.
  invert: ({ frames, nSamples }, timed, tick) => timed("inversion", () => invert(frames, nSamples, tick)),
};

self.onmessage = ({ data: { id, task, input } }) => {
  const milliseconds = {};
  const timed = (step, work) => {
    const start = performance.now();
    const result = work();
    milliseconds[step] = performance.now() - start;
    return result;
  };
  try {
    const result = TASKS[task](input, timed, (share) => self.postMessage({ id, share }));
    self.postMessage({ id, result, milliseconds });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};

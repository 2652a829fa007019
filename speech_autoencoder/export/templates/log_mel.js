// Waveform -> normalised log-mel, as in speech_autoencoder/audio/log_mel.py, with the same names; and resampling.
// Every number comes from `model`, which Python wrote into the page; tests hold the results to numpy's.
//
// A spectrogram is one typed array, frame after frame: the value of frame i and band m is at [i * n_mels + m].

// Return the mel filters: the first bin of each triangle, and its weights from there.
function makeFilters() {
  const { sr, n_fft: nFft } = model.features;
  // Scaled so that a full-scale sine has a magnitude of about 1.
  const scale = 2 / hann(nFft).reduce((sum, x) => sum + x, 0);
  return model.mel_edges_hz.slice(0, -2).map((low, m) => {
    const [peak, high] = model.mel_edges_hz.slice(m + 1, m + 3);
    const first = Math.ceil((low * nFft) / sr);
    const weights = [];
    for (let bin = first; bin <= nFft / 2 && (bin * sr) / nFft < high; bin++) {
      const hz = (bin * sr) / nFft;
      weights.push(scale * Math.max(0, Math.min((hz - low) / (peak - low), (high - hz) / (high - peak))));
    }
    return { first, weights };
  });
}

// Return the mel of magnitudes: of each frame, the sum of its bins under each filter.
function toMel(magnitude, nBins, filters) {
  const nFrames = magnitude.length / nBins;
  const mel = new Float32Array(nFrames * filters.length);
  for (let i = 0; i < nFrames; i++) {
    filters.forEach(({ first, weights }, m) => {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += magnitude[i * nBins + first + k] * weights[k];
      mel[i * filters.length + m] = sum;
    });
  }
  return mel;
}

// Return the normalised log-mel of a waveform at the features' rate; its frames are centred, with zeros around it.
function logMel(waveform) {
  const { n_fft: nFft, hop_length: hop, floor_db: floorDb, ceiling_db: ceilingDb } = model.features;
  const nFrames = 1 + Math.ceil(waveform.length / hop);
  const padded = new Float32Array(nFft + (nFrames - 1) * hop);
  padded.set(waveform, nFft / 2);
  const stft = new STFT(nFft, hop);
  const mel = toMel(magnitudes(stft.forward(padded)), stft.nBins, makeFilters());
  const floor = 10 ** (floorDb / 20);
  return mel.map((x) => clip((20 * Math.log10(x + floor) - floorDb) / (ceilingDb - floorDb), 0, 1));
}

// Return the magnitude mel of a normalised log-mel: the inverse of the last two lines of `logMel`.
function denormalise(normalised) {
  const { floor_db: floorDb, ceiling_db: ceilingDb } = model.features;
  const floor = 10 ** (floorDb / 20);
  return normalised.map((x) => floor * Math.expm1(x * (ceilingDb - floorDb) * (Math.LN10 / 20)));
}

function magnitudes({ re, im }) {
  return re.map((x, k) => Math.sqrt(x * x + im[k] * im[k]));
}

function clip(x, low, high) {
  return x < low ? low : x > high ? high : x;
}

// Return a waveform at another rate, by sinc interpolation under a Kaiser window: what the lower of the two rates
// cannot represent is left out. (Browsers interpolate linearly, which would leave aliases.)
function resample(waveform, from, to) {
  if (from === to) return waveform;
  const PASSED = 0.95; // of the lower rate's band, in the middle of the filter's edge
  const CROSSINGS = 64; // zero crossings of the sinc on either side
  const BETA = 10; // the window: aliases are 100 dB below the sound
  const cutoff = (PASSED * Math.min(from, to)) / from;
  const reach = CROSSINGS / cutoff;
  const kernels = new Map(); // by the place between two samples
  const kernel = (share) => {
    if (!kernels.has(share)) {
      const taps = Float64Array.from({ length: 2 * Math.ceil(reach) }, (_, k) => {
        const t = k - Math.ceil(reach) + 1 - share;
        const x = Math.PI * cutoff * t;
        const sinc = x ? Math.sin(x) / x : 1;
        return cutoff * sinc * (besselI0(BETA * Math.sqrt(Math.max(0, 1 - (t / reach) ** 2))) / besselI0(BETA));
      });
      kernels.set(share, taps);
    }
    return kernels.get(share);
  };
  const resampled = new Float32Array(Math.ceil((waveform.length * to) / from));
  for (let i = 0; i < resampled.length; i++) {
    const place = Math.floor((i * from) / to);
    const taps = kernel(((i * from) % to) / to);
    const first = place - Math.ceil(reach) + 1;
    let sum = 0;
    for (let k = Math.max(0, -first); k < taps.length && first + k < waveform.length; k++) {
      sum += waveform[first + k] * taps[k];
    }
    resampled[i] = sum;
  }
  return resampled;
}

// Return the modified Bessel function of order 0, by its series.
function besselI0(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

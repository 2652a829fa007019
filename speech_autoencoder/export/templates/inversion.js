// Normalised log-mel -> waveform, as in speech_autoencoder/audio/inversion.py and griffin_lim.py, with the same names.

// Avoids divisions by zero.
const TINY = 1e-12;

// Return the waveform, of n samples, of a normalised log-mel, with or without frames between. `tick` is called with the
// share that is done.
// Python inverts long recordings in segments, to save memory; here all is one segment.
function invert(normalised, nSamples, tick) {
  const { n_fft: nFft, hop_length: hop, n_mels: nMels } = model.features;
  const nBins = nFft / 2 + 1;
  const filters = makeFilters();
  // A hop of half a window is too long for any phase retrieval: it takes the frames between.
  const times = nFft / hop === 2 ? 2 : 1;
  const hasBetween = normalised.length > (1 + Math.ceil(nSamples / hop)) * nMels;
  const all = times === 1 || hasBetween ? normalised : withBetween(normalised);
  const mel = denormalise(all.subarray(0, all.length - (times - 1) * nMels));
  const fit = (size) => {
    fitToMel(size, mel, nBins, filters);
    return size;
  };
  const waveform = griffinLim(melToMagnitude(mel, nBins, filters), new STFT(nFft, hop / times), fit, tick);
  const fitting = new Float32Array(nSamples);
  fitting.set(waveform.subarray(nFft / 2, Math.min(waveform.length - nFft / 2, nFft / 2 + nSamples)));
  return fitting;
}

// Return magnitudes, none negative, whose mel is near the given one: those of least squares, then some fitting.
// The pseudo-inverse of the filters F is F (F'F)^-1; as only neighbouring filters overlap, F'F is tridiagonal.
function melToMagnitude(mel, nBins, filters) {
  const nMels = filters.length;
  const product = (a, b) => a.weights.reduce((sum, x, k) => sum + x * (b.weights[a.first + k - b.first] || 0), 0);
  const main = filters.map((a) => product(a, a) || 1);
  const beside = filters.map((a, m) => (m + 1 < nMels ? product(a, filters[m + 1]) : 0));
  const solve = tridiagonal(beside.slice(0, -1), main, beside);
  const nFrames = mel.length / nMels;
  const magnitude = new Float32Array(nFrames * nBins);
  const column = new Float64Array(nMels);
  for (let i = 0; i < nFrames; i++) {
    column.set(mel.subarray(i * nMels, (i + 1) * nMels));
    solve(column, 1, 0);
    filters.forEach(({ first, weights }, m) => {
      for (let k = 0; k < weights.length; k++) magnitude[i * nBins + first + k] += column[m] * weights[k];
    });
  }
  for (let k = 0; k < magnitude.length; k++) magnitude[k] = Math.max(0, magnitude[k]);
  for (let round = 0; round < model.constants.fitting_rounds; round++) fitToMel(magnitude, mel, nBins, filters);
  return magnitude;
}

// Make each bin louder or quieter towards a mel, in place: one step of Richardson (1972) and Lucy (1974).
function fitToMel(magnitude, mel, nBins, filters) {
  const floor = 10 ** (model.features.floor_db / 20);
  const total = new Float64Array(nBins);
  for (const { first, weights } of filters) weights.forEach((x, k) => (total[first + k] += x));
  const now = toMel(magnitude, nBins, filters);
  const factor = new Float64Array(nBins);
  for (let i = 0; i < magnitude.length / nBins; i++) {
    factor.fill(0);
    filters.forEach(({ first, weights }, m) => {
      const ratio = (mel[i * filters.length + m] + floor) / (now[i * filters.length + m] + floor);
      for (let k = 0; k < weights.length; k++) factor[first + k] += (ratio * weights[k]) / (total[first + k] || 1);
    });
    for (let k = 0; k < nBins; k++) magnitude[i * nBins + k] *= factor[k];
  }
}

// Return normalised frames with those between in time order, interpolated as square roots of magnitudes; see
// speech_autoencoder/audio/between.py.
function withBetween(normalised) {
  const { n_mels: nMels, floor_db: floorDb, ceiling_db: ceilingDb } = model.features;
  const rate = ((ceilingDb - floorDb) * Math.LN10) / 40;
  const [outer, inner] = model.constants.halfway;
  const n = normalised.length / nMels;
  const all = new Float32Array(2 * normalised.length);
  const root = (i, m) => Math.exp(rate * normalised[clip(i, 0, n - 1) * nMels + m]);
  for (let i = 0; i < n; i++) {
    all.set(normalised.subarray(i * nMels, (i + 1) * nMels), 2 * i * nMels);
    for (let m = 0; m < nMels; m++) {
      const halfway = inner * (root(i, m) + root(i + 1, m)) + outer * (root(i - 1, m) + root(i + 2, m));
      all[(2 * i + 1) * nMels + m] = Math.log(Math.max(1, halfway)) / rate;
    }
  }
  return all;
}

// Return a function that solves equations of a tridiagonal matrix in place, for the right side at [i * stride + start].
function tridiagonal(below, main, above) {
  const pivots = [main[0]];
  for (let i = 1; i < main.length; i++) pivots.push(main[i] - (below[i - 1] * above[i - 1]) / pivots[i - 1]);
  return (x, stride, start) => {
    x[start] /= pivots[0];
    for (let i = 1; i < pivots.length; i++) {
      const here = i * stride + start;
      x[here] = (x[here] - below[i - 1] * x[here - stride]) / pivots[i];
    }
    for (let i = pivots.length - 2; i >= 0; i--) {
      const here = i * stride + start;
      x[here] -= (above[i] / pivots[i]) * x[here + stride];
    }
  };
}

// Return a first phase for magnitudes: the sinusoid of each peak advances, the bins around it follow its phase, and
// those further away advance at their own frequency (Beauregard, Harish and Wyse, 2015).
function singlePassPhase(magnitude, { nBins, nFft, hop }) {
  const phase = new Float64Array(magnitude.length);
  // A chirp (Schroeder, 1970): from phases of 0, the first frame would be a click.
  let before = Float64Array.from({ length: nBins }, (_, k) => ((-Math.PI / 4) * k * k) / nBins);
  for (let start = 0; start < magnitude.length; start += nBins) {
    const row = magnitude.subarray(start, start + nBins);
    const peaks = [];
    for (let k = 1; k < nBins - 1; k++) if (row[k] > row[k - 1] && row[k] >= row[k + 1]) peaks.push(k);
    const now = phase.subarray(start, start + nBins);
    for (let k = 0, owner = 0; k < nBins; k++) {
      while (owner + 1 < peaks.length && k > (peaks[owner] + peaks[owner + 1]) / 2) owner++;
      const peak = peaks[owner];
      const distance = Math.abs(k - peak);
      if (!peaks.length) {
        now[k] = before[k];
      } else if (distance > model.constants.following_bins) {
        now[k] = before[k] + (2 * Math.PI * k * hop) / nFft;
      } else {
        // The frequency of a peak, by the parabola through three bins. Neighbouring bins differ by pi.
        const [left, middle, right] = [row[peak - 1], row[peak], row[peak + 1]];
        const offset = (0.5 * (left - right)) / Math.min(left - 2 * middle + right, -TINY);
        const advance = (2 * Math.PI * (peak + clip(offset, -0.5, 0.5)) * hop) / nFft;
        now[k] = before[peak] + advance + Math.PI * (distance % 2);
      }
    }
    before = now;
  }
  return phase;
}

// Return a waveform whose magnitudes are near the given ones: fast Griffin-Lim (Perraudin, Balazs and Søndergaard,
// 2013). After the first rounds, `fit` says which magnitudes the next round aims for.
function griffinLim(magnitude, stft, fit, tick) {
  const { griffin_lim_rounds: rounds } = model.inversion;
  const phase = singlePassPhase(magnitude, stft);
  const spectrum = {
    re: magnitude.map((x, k) => x * Math.cos(phase[k])),
    im: magnitude.map((x, k) => x * Math.sin(phase[k])),
  };
  let previous = { re: new Float32Array(magnitude.length), im: new Float32Array(magnitude.length) };
  let before; // the spectrum before the previous one, whose arrays are used again
  for (let round = 0; round < rounds; round++) {
    const consistent = stft.forward(clipToFullScale(stft.inverse(spectrum)), before);
    if (round >= model.constants.settling_rounds) magnitude = fit(magnitudes(consistent));
    accelerate(spectrum, consistent, previous, magnitude);
    [before, previous] = [previous, consistent];
    tick((round + 1) / rounds);
  }
  return clipToFullScale(stft.inverse(spectrum));
}

// Go from a consistent spectrum further away from the previous one, and give the result the wanted magnitudes.
function accelerate({ re, im }, { re: re1, im: im1 }, { re: re0, im: im0 }, magnitude) {
  const { momentum } = model.inversion;
  for (let k = 0; k < magnitude.length; k++) {
    const x = re1[k] + momentum * (re1[k] - re0[k]);
    const y = im1[k] + momentum * (im1[k] - im0[k]);
    const share = magnitude[k] / Math.max(Math.sqrt(x * x + y * y), TINY);
    re[k] = x * share;
    im[k] = y * share;
  }
}

// Clip a waveform, in place.
function clipToFullScale(waveform) {
  for (let k = 0; k < waveform.length; k++) waveform[k] = clip(waveform[k], -1, 1);
  return waveform;
}

// Normalised log-mel -> waveform, as in speech_autoencoder/audio/inversion.py and griffin_lim.py, with the same names.

// Avoids divisions by zero.
const TINY = 1e-12;

// Return the waveform, of n samples, of a normalised log-mel. `tick` is called with the share that is done.
// Python inverts long recordings in segments, to save memory; here all is one segment.
function invert(normalised, nSamples, tick) {
  const { n_fft: nFft, hop_length: hop } = model.features;
  const nBins = nFft / 2 + 1;
  const filters = makeFilters();
  const mel = denormalise(normalised);
  // A hop of half a window is too long for any phase retrieval: frames are interpolated in between.
  const times = nFft / hop === 2 ? model.inversion.time_oversampling : 1;
  const first = melToMagnitude(mel, nBins, filters);
  const magnitude = times > 1 ? interpolateFrames(first, nBins, times) : first;
  const fit = (size) => {
    const given = new Float32Array(first.length);
    for (let k = 0; k < given.length; k++) given[k] = size[at(k)];
    fitToMel(given, mel, nBins, filters);
    // Interpolated frames have no mel to fit: the geometric mean of what they are and what they began as.
    if (times > 1) for (let k = 0; k < size.length; k++) size[k] = Math.sqrt(size[k] * magnitude[k]);
    for (let k = 0; k < given.length; k++) size[at(k)] = given[k];
    return size;
  };
  // The index, among all frames, of a value of the given frames.
  const at = (k) => k + Math.floor(k / nBins) * (times - 1) * nBins;
  const waveform = griffinLim(magnitude, new STFT(nFft, hop / times), fit, tick);
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

// Return magnitudes with `times` - 1 frames between the given ones: cubic splines of their square roots.
function interpolateFrames(magnitude, nBins, times) {
  const n = magnitude.length / nBins;
  const roots = magnitude.map(Math.sqrt);
  const slopes = splineSlopes(roots, n, nBins);
  const between = new Float32Array(((n - 1) * times + 1) * nBins);
  for (let frame = 0; frame < between.length / nBins; frame++) {
    const [i, share] = [Math.floor(frame / times), (frame % times) / times];
    // Hermite's polynomials: the weights of the values at the ends of a piece, and of the slopes there.
    const end = share ** 2 * (3 - 2 * share);
    const [rise, fall] = [share * (1 - share) ** 2, share ** 2 * (1 - share)];
    for (let k = 0; k < nBins; k++) {
      const [here, next] = [i * nBins + k, share ? (i + 1) * nBins + k : i * nBins + k];
      const root = (1 - end) * roots[here] + end * roots[next] + rise * slopes[here] - fall * slopes[next];
      between[frame * nBins + k] = Math.max(0, root) ** 2;
    }
  }
  return between;
}

// Return the slopes of the cubic splines through n frames, with not-a-knot ends (de Boor, 1978, chapter IV).
function splineSlopes(values, n, nBins) {
  const slopes = new Float64Array(values.length);
  const step = (i, k) => values[(i + 1) * nBins + k] - values[i * nBins + k];
  const inside = new Array(n - 2);
  const solve = tridiagonal([...inside.fill(1), 2], [1, ...inside.fill(4), 1], [2, ...inside.fill(1)]);
  for (let k = 0; k < nBins; k++) {
    slopes[k] = (5 * step(0, k) + step(1, k)) / 2;
    for (let i = 1; i < n - 1; i++) slopes[i * nBins + k] = 3 * (step(i, k) + step(i - 1, k));
    slopes[(n - 1) * nBins + k] = (5 * step(n - 2, k) + step(n - 3, k)) / 2;
    solve(slopes, nBins, k);
  }
  return slopes;
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

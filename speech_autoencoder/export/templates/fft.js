// The short-time Fourier transform, as in speech_autoencoder/audio/stft.py, with an FFT of its own.

// Return the periodic Hann window of n samples.
function hann(n) {
  return Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
}

// The FFT of n real samples: one complex FFT of n / 2 values, whose even and odd parts are then untangled.
// The complex one is Stockham's: a pass for each factor of its length, which also sorts; 4 is the quickest factor.
class RealFFT {
  constructor(n) {
    this.n = n;
    this.half = n / 2;
    this.cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
    this.sin = Float64Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * i) / n));
    this.factors = [];
    for (let left = this.half, factor = 4; left > 1; ) {
      if (left % factor === 0) {
        this.factors.push(factor);
        left /= factor;
      } else {
        factor = factor === 4 ? 2 : factor === 2 ? 3 : factor + 2;
      }
    }
    [this.re, this.im, this.re2, this.im2] = [0, 1, 2, 3].map(() => new Float64Array(this.half));
  }

  // Write the n / 2 + 1 bins of `frame` to re and im, from index `start`.
  forward(frame, re, im, start) {
    const { half, cos, sin } = this;
    for (let i = 0; i < half; i++) {
      this.re[i] = frame[2 * i];
      this.im[i] = frame[2 * i + 1];
    }
    this.transform();
    const { re: x, im: y } = this;
    re[start] = x[0] + y[0];
    im[start] = 0;
    re[start + half] = x[0] - y[0];
    im[start + half] = 0;
    for (let a = 1, b = half - 1; a < half; a++, b--) {
      // The spectra of the even and of the odd samples, and the turn of half a step between them.
      const oddRe = y[a] + y[b];
      const oddIm = x[b] - x[a];
      re[start + a] = (x[a] + x[b] + oddRe * cos[a] + oddIm * sin[a]) / 2;
      im[start + a] = (y[a] - y[b] + oddIm * cos[a] - oddRe * sin[a]) / 2;
    }
  }

  // Write the n samples of the bins at index `start` of re and im to `frame`: the inverse of `forward`.
  inverse(re, im, start, frame) {
    const { half, cos, sin } = this;
    // Real and imaginary parts change places: with them swapped, the transform is its own inverse, but for a factor.
    this.im[0] = re[start] + re[start + half];
    this.re[0] = re[start] - re[start + half];
    for (let a = 1, b = half - 1; a < half; a++, b--) {
      const sumRe = re[start + a] - re[start + b];
      const sumIm = im[start + a] + im[start + b];
      this.im[a] = re[start + a] + re[start + b] - sumIm * cos[a] - sumRe * sin[a];
      this.re[a] = im[start + a] - im[start + b] + sumRe * cos[a] - sumIm * sin[a];
    }
    this.transform();
    for (let i = 0; i < half; i++) {
      frame[2 * i] = this.im[i] / this.n;
      frame[2 * i + 1] = this.re[i] / this.n;
    }
  }

  // Replace this.re and this.im by their complex transform.
  transform() {
    let length = this.half;
    let stride = 1;
    for (const factor of this.factors) {
      if (factor === 4) this.passOfFour(length / 4, stride);
      else this.passOf(factor, length / factor, stride);
      [this.re, this.re2, this.im, this.im2] = [this.re2, this.re, this.im2, this.im];
      length /= factor;
      stride *= factor;
    }
  }

  passOf(factor, step, stride) {
    const { re, im, re2, im2, cos, sin, half } = this;
    for (let p = 0; p < step; p++) {
      for (let u = 0; u < factor; u++) {
        const to = stride * (factor * p + u);
        for (let t = 0; t < factor; t++) {
          const from = stride * (p + step * t);
          const k = 2 * ((u * (t * (half / factor) + p * stride)) % half);
          const c = cos[k];
          const s = sin[k];
          for (let q = 0; q < stride; q++) {
            const sumRe = re[from + q] * c + im[from + q] * s;
            const sumIm = im[from + q] * c - re[from + q] * s;
            re2[to + q] = t ? re2[to + q] + sumRe : sumRe;
            im2[to + q] = t ? im2[to + q] + sumIm : sumIm;
          }
        }
      }
    }
  }

  passOfFour(step, stride) {
    const { re, im, re2, im2, cos, sin } = this;
    const jump = stride * step;
    for (let p = 0; p < step; p++) {
      const k = 2 * p * stride;
      const c1 = cos[k];
      const s1 = sin[k];
      const c2 = cos[2 * k];
      const s2 = sin[2 * k];
      const c3 = cos[3 * k];
      const s3 = sin[3 * k];
      for (let q = 0; q < stride; q++) {
        const a = q + stride * p;
        const b = a + jump;
        const c = b + jump;
        const d = c + jump;
        const to = q + stride * 4 * p;
        const acRe = re[a] + re[c];
        const acIm = im[a] + im[c];
        const bdRe = re[b] + re[d];
        const bdIm = im[b] + im[d];
        // a - c, and -i times b - d.
        const diffRe = re[a] - re[c];
        const diffIm = im[a] - im[c];
        const turnRe = im[b] - im[d];
        const turnIm = re[d] - re[b];
        re2[to] = acRe + bdRe;
        im2[to] = acIm + bdIm;
        re2[to + stride] = (diffRe + turnRe) * c1 + (diffIm + turnIm) * s1;
        im2[to + stride] = (diffIm + turnIm) * c1 - (diffRe + turnRe) * s1;
        re2[to + 2 * stride] = (acRe - bdRe) * c2 + (acIm - bdIm) * s2;
        im2[to + 2 * stride] = (acIm - bdIm) * c2 - (acRe - bdRe) * s2;
        re2[to + 3 * stride] = (diffRe - turnRe) * c3 + (diffIm - turnIm) * s3;
        im2[to + 3 * stride] = (diffIm - turnIm) * c3 - (diffRe - turnRe) * s3;
      }
    }
  }
}

// The short-time Fourier transform of frames of n_fft samples, `hop` apart, and its inverse.
class STFT {
  constructor(nFft, hop) {
    this.nFft = nFft;
    this.hop = hop;
    this.nBins = nFft / 2 + 1;
    this.window = hann(nFft);
    this.fft = new RealFFT(nFft);
    this.frame = new Float64Array(nFft);
  }

  // Return {re, im} of every full frame of a waveform, in the arrays of an earlier spectrum if there is one.
  forward(waveform, spectrum) {
    const { nFft, hop, nBins, window, frame, fft } = this;
    const nFrames = Math.floor((waveform.length - nFft) / hop) + 1;
    const { re, im } = spectrum ?? { re: new Float32Array(nFrames * nBins), im: new Float32Array(nFrames * nBins) };
    for (let i = 0; i < nFrames; i++) {
      for (let k = 0; k < nFft; k++) frame[k] = waveform[i * hop + k] * window[k];
      fft.forward(frame, re, im, i * nBins);
    }
    return { re, im };
  }

  // Return the waveform whose STFT is nearest to {re, im} (Griffin and Lim, 1984, equation 6).
  inverse({ re, im }) {
    const { nFft, hop, nBins, window, frame, fft } = this;
    const nFrames = re.length / nBins;
    const waveform = new Float32Array(nFft + (nFrames - 1) * hop);
    const weight = new Float32Array(waveform.length);
    for (let i = 0; i < nFrames; i++) {
      fft.inverse(re, im, i * nBins, frame);
      for (let k = 0; k < nFft; k++) {
        waveform[i * hop + k] += frame[k] * window[k];
        weight[i * hop + k] += window[k] * window[k];
      }
    }
    for (let k = 0; k < waveform.length; k++) {
      // Where windows almost vanish, dividing would only amplify rounding.
      waveform[k] = weight[k] > model.constants.least_weight ? waveform[k] / weight[k] : 0;
    }
    return waveform;
  }
}

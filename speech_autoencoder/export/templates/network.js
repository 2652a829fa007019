// The auto-encoder and the PCA baseline. Layers are those of speech_autoencoder/model/layers.py, by the same names; how
// they follow one another is in `model.parts`, which Python made from speech_autoencoder/model/architecture.py.
//
// Frames are one typed array, one after another: the weights of a layer tell how many channels a frame has.

const LAYERS = {
  // Each frame times a matrix (nInputs, nOutputs), plus a bias.
  dense(x, kernel, bias) {
    const nInputs = kernel.length / bias.length;
    const output = repeat(bias, x.length / nInputs);
    addProduct(output, x, kernel, nInputs, bias.length);
    return output;
  },

  // A convolution with a kernel (3, nInputs, nOutputs), zeros around x: the frame before, itself, the one after.
  convolution(x, kernel, bias) {
    const nOutputs = bias.length;
    const nInputs = kernel.length / (3 * nOutputs);
    const output = repeat(bias, x.length / nInputs);
    const size = nInputs * nOutputs;
    const [before, here, after] = [0, 1, 2].map((t) => kernel.subarray(t * size, (t + 1) * size));
    addProduct(output.subarray(nOutputs), x.subarray(0, -nInputs), before, nInputs, nOutputs);
    addProduct(output, x, here, nInputs, nOutputs);
    addProduct(output, x.subarray(nInputs), after, nInputs, nOutputs);
    return output;
  },

  // A convolution with a kernel (stride, nInputs, nOutputs): `stride` frames, which are neighbours in x, become one.
  downsampling_convolution: (x, kernel, bias) => LAYERS.dense(x, kernel, bias),

  // Each frame divided by its root mean square, times a scale for each channel (Zhang and Sennrich, 2019, equation 4).
  rms_normalization(x, scale) {
    const output = new Float32Array(x.length);
    const n = scale.length;
    for (let start = 0; start < x.length; start += n) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += x[start + k] ** 2;
      const rate = 1 / Math.sqrt(sum / n + model.constants.epsilon);
      for (let k = 0; k < n; k++) output[start + k] = x[start + k] * rate * scale[k];
    }
    return output;
  },

  // The same values as frames of fewer channels: the array stays as it is.
  reshape: (x) => x,
};

const ACTIVATIONS = {
  silu: (x) => x.map((value) => value / (1 + Math.exp(-value))),
};

// Return n copies of an array, one after another.
function repeat(values, n) {
  const repeated = new Float32Array(n * values.length);
  for (let i = 0; i < n; i++) repeated.set(values, i * values.length);
  return repeated;
}

// Add the product of x (rows of nInputs values) and a matrix (nInputs, nOutputs) to the rows of `output`.
// In blocks of four inputs, so that an output is loaded and stored once for four products: twice as fast as one by one.
function addProduct(output, x, matrix, nInputs, nOutputs) {
  for (let row = 0; row < x.length / nInputs; row++) {
    const [from, to] = [row * nInputs, row * nOutputs];
    let k = 0;
    for (; k + 4 <= nInputs; k += 4) {
      const a = x[from + k];
      const b = x[from + k + 1];
      const c = x[from + k + 2];
      const d = x[from + k + 3];
      const w0 = k * nOutputs;
      const w1 = w0 + nOutputs;
      const w2 = w1 + nOutputs;
      const w3 = w2 + nOutputs;
      for (let j = 0; j < nOutputs; j++) {
        output[to + j] += a * matrix[w0 + j] + b * matrix[w1 + j] + c * matrix[w2 + j] + d * matrix[w3 + j];
      }
    }
    for (; k < nInputs; k++) {
      for (let j = 0; j < nOutputs; j++) output[to + j] += x[from + k] * matrix[k * nOutputs + j];
    }
  }
}

// Return the sum of a part's paths: of the encoder's or of the decoder's.
function runPart(part, x) {
  const outputs = part.paths.map((path) => path.reduce(runStep, x));
  return outputs.reduce(add);
}

// Return what a layer makes of x, or a residual block, whose layers' output is added to x.
function runStep(x, step) {
  if (step.layers) return add(step.layers.reduce(runStep, x), x);
  const output = LAYERS[step.kind](x, ...step.weights.map(weightsAt));
  return step.activation ? ACTIVATIONS[step.activation](output) : output;
}

function add(x, y) {
  return x.map((value, k) => value + y[k]);
}

// Return an array of weights of the model, {start, size}.
function weightsAt({ start, size }) {
  return weights.subarray(start, start + size);
}

// Return the latent of a normalised log-mel; the last latent is padded with silence. A network that takes frames between
// is given none.
function encode(normalised) {
  const { frames_per_latent: step, n_channels: nChannels, features } = model;
  const nFrames = normalised.length / features.n_mels;
  const frames = new Float32Array(Math.ceil(nFrames / step) * step * nChannels);
  for (let i = 0; i < nFrames; i++) {
    for (let m = 0; m < features.n_mels; m++) {
      frames[i * nChannels + m] = normalised[i * features.n_mels + m] * model.constants.input_scale;
    }
  }
  return runPart(model.parts.encoder, frames);
}

// Return the first nFrames frames of the normalised log-mel of a latent: `all`, which may have frames between, in time
// order, and its `own` frames alone.
function decode(latent, nFrames) {
  const { n_channels: nChannels, features } = model;
  const output = runPart(model.parts.decoder, latent).subarray(0, nFrames * nChannels);
  const all = output.map((x) => clip(x / model.constants.input_scale, 0, 1));
  const own = new Float32Array(nFrames * features.n_mels);
  for (let i = 0; i < nFrames; i++) {
    own.set(all.subarray(i * nChannels, i * nChannels + features.n_mels), i * features.n_mels);
  }
  return { own, all };
}

// Return a log-mel that went through the PCA baseline: blocks of frames, projected on their principal components.
function throughPCA(normalised) {
  const [components, offset] = [weightsAt(model.pca.components), weightsAt(model.pca.offset)];
  const frames = new Float32Array(Math.ceil(normalised.length / offset.length) * offset.length);
  frames.set(normalised);
  const centred = frames.map((x, k) => x - offset[k % offset.length]);
  const n = components.length / offset.length;
  const across = components.map((_, k) => components[(k % n) * offset.length + Math.floor(k / n)]); // transposed
  const latent = LAYERS.dense(centred, across, new Float32Array(n));
  return LAYERS.dense(latent, components, offset).subarray(0, normalised.length).map((x) => clip(x, 0, 1));
}

// Return float16 numbers, as the page holds them in base64, as float32: by a table of all 65,536 of them.
function decodeFloat16(base64) {
  const table = new Float32Array(1 << 16);
  for (let bits = 0; bits < table.length; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction;
    table[bits] = bits >> 15 ? -size : size;
  }
  const bytes = atob(base64);
  const values = new Float32Array(bytes.length / 2);
  for (let k = 0; k < values.length; k++) {
    values[k] = table[bytes.charCodeAt(2 * k) | (bytes.charCodeAt(2 * k + 1) << 8)]; // the low byte comes first
  }
  return values;
}

// Spectrograms, latents and waveforms as pictures.

// Draw values in [0, 1] on a canvas, column by column from the bottom, in the colours of a palette.
function draw(canvas, values, nColumns, palette) {
  const colours = atob(palette); // red, green, blue, 256 times
  const nRows = values.length / nColumns;
  [canvas.width, canvas.height] = [nColumns, nRows];
  const image = new ImageData(nColumns, nRows);
  values.forEach((value, k) => {
    const pixel = 4 * ((nRows - 1 - (k % nRows)) * nColumns + Math.floor(k / nRows));
    const colour = 3 * Math.round(255 * Math.min(1, Math.max(0, value)));
    for (let c = 0; c < 3; c++) image.data[pixel + c] = colours.charCodeAt(colour + c);
    image.data[pixel + 3] = 255;
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Draw two log-mels on one scale, and their difference.
function drawSpectrograms(original, reconstruction, nFrames) {
  const rangeDb = features.ceiling_db - features.floor_db;
  const most = (frames) => frames.reduce((high, x) => Math.max(high, x), 0);
  const loudest = Math.max(most(original), most(reconstruction));
  const lowest = loudest - page.shown_db / rangeDb;
  const level = (x) => (x - lowest) / (loudest - lowest);
  draw(element("picture-original"), original.map(level), nFrames, page.level_colours);
  draw(element("picture-reconstruction"), reconstruction.map(level), nFrames, page.level_colours);
  const differenceDb = (x, k) => (Math.max(reconstruction[k], lowest) - Math.max(x, lowest)) * rangeDb;
  const shifted = original.map((x, k) => 0.5 + differenceDb(x, k) / (2 * page.difference_db));
  draw(element("picture-difference"), shifted, nFrames, page.difference_colours);
}

// Return the root mean square difference of two log-mels, in dB.
function errorDb(reference, estimate) {
  const mean = reference.reduce((sum, x, k) => sum + (x - estimate[k]) ** 2, 0) / reference.length;
  return Math.sqrt(mean) * (features.ceiling_db - features.floor_db);
}

// Draw a waveform in the colour of its canvas: from the lowest to the highest sample of each column.
function drawWaveform(canvas, samples) {
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  const [middle, step] = [canvas.height / 2, samples.length / canvas.width];
  for (let column = 0; column < canvas.width; column++) {
    const part = samples.subarray(Math.floor(column * step), Math.ceil((column + 1) * step));
    const high = part.reduce((a, b) => Math.max(a, b), -1);
    const low = part.reduce((a, b) => Math.min(a, b), 1);
    context.fillRect(column, middle - high * middle, 1, Math.max(1, (high - low) * middle));
  }
}

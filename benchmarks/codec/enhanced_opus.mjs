// Decode .opus files with a speech enhancement of libopus 1.5, each to 32-bit floats in a file beside it:
// node enhanced_opus.mjs FOLDER ENHANCEMENT SAMPLE_RATE FILE..., FOLDER being where ogg-opus-decoder is installed.
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, speechQualityEnhancement, sampleRate, ...files] = process.argv.slice(2);
const index = resolve(folder, "node_modules/ogg-opus-decoder/index.js");
const { OggOpusDecoder } = await import(pathToFileURL(index));
const decoder = new OggOpusDecoder({ speechQualityEnhancement, sampleRate: Number(sampleRate) });
await decoder.ready;
for (const file of files) {
  const { channelData, errors } = await decoder.decodeFile(new Uint8Array(readFileSync(file)));
  if (errors.length) throw new Error(errors[0].message);
  writeFileSync(`${file}.f32`, channelData[0]);
  await decoder.reset();
}

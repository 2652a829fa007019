"""The codecs of others that ours is compared with, as far as they are installed."""

from pathlib import Path

from benchmarks.codec import enhanced_opus, lyra_codec
from benchmarks.codec.speex_codec import SPEEX
from speech_autoencoder.evaluation.codecs.codec import WIDE_HZ, Codec, describe_missing, install_command
from speech_autoencoder.evaluation.codecs.codec_2 import CODEC_2
from speech_autoencoder.evaluation.codecs.ffmpeg_codecs import AMR_NB, G723_1, OPUS
from speech_autoencoder.evaluation.codecs.registry import prepared

_EXTERNAL = {"codec2": CODEC_2, "opus": OPUS, "amr": AMR_NB, "g723.1": G723_1, "speex": SPEEX}
NAMES = (*_EXTERNAL, "lyra", *enhanced_opus.NAMES)  # on the command line
_LYRA_NEEDS = "pip install ai-edge-litert, and --lyra with the folder lyra/model_coeffs of google/lyra"
_OPUS_ML_NEEDS = (
    "apt install opus-tools, npm install --ignore-scripts ogg-opus-decoder, and --opus-ml with the folder of the latter"
)


def installed(wanted: list[str], sr: int, *, lyra: Path | None, opus_ml: Path | None, workers: int) -> list[Codec]:
    """Return the codecs that are wanted and installed; print which are not, in one line.

    Parameters
    ----------
    wanted
        Some of NAMES; others are passed over.
    sr
        The rate of the sound in Hz; LACE and NoLACE are for wideband sound only.
    lyra
        The folder of Lyra's weights.
    opus_ml
        The folder in which npm has installed ogg-opus-decoder.
    workers
        How many files they code at once.
    """
    found, missing, rates = [], [], {}
    for name, record in _EXTERNAL.items():
        if name in wanted and not record.is_installed():
            missing.append((record.name, install_command(record.package)))
        elif name in wanted:
            found.append(prepared(record, sr).as_codec(workers=workers))
            rates[record.name] = record.rate_for(sr)
    if "lyra" in wanted:
        if lyra and lyra_codec.is_installed(lyra):
            found.append(lyra_codec.make(lyra).as_codec(workers=workers))
            rates[lyra_codec.NAME] = WIDE_HZ
        else:
            missing.append((lyra_codec.NAME, _LYRA_NEEDS))
    for enhancement, name in enhanced_opus.NAMES.items():
        if enhancement not in wanted:
            continue
        if sr < WIDE_HZ:
            print(f"{name} is left out: it acts on wideband sound, and this is of {sr:,} Hz.")
        elif opus_ml and enhanced_opus.is_installed(opus_ml):
            found.append(enhanced_opus.make(enhancement, opus_ml, workers=workers))
            rates[name] = WIDE_HZ
        else:
            missing.append((name, _OPUS_ML_NEEDS))
    if missing:
        print(describe_missing(missing))
    resampled = [f"{name} ({rate:,} Hz)" for name, rate in rates.items() if rate != sr]
    if resampled:
        print(f"The sound is resampled from {sr:,} Hz, and back, for {', '.join(resampled)}.")
    return found

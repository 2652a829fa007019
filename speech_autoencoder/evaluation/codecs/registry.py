"""The index of other codecs. To add one, write its function and its record in a module, and list it in `_ALL`."""

from dataclasses import replace

from speech_autoencoder.evaluation.codecs.codec import WIDE_HZ, ExternalCodec
from speech_autoencoder.evaluation.codecs.codec_2 import CODEC_2
from speech_autoencoder.evaluation.codecs.ffmpeg_codecs import AMR_NB, G723_1, OPUS

_ALL = (CODEC_2, OPUS, AMR_NB, G723_1)


def external_codecs(sr: int) -> list[ExternalCodec]:
    """Return the codecs to compare with at `sr` Hz, installed or not, each with delays of its own."""
    return [prepared(codec, sr) for codec in _ALL]


def prepared(codec: ExternalCodec, sr: int) -> ExternalCodec:
    """Return a codec for sound at `sr` Hz: its higher bitrates too if they are of use, and delays of its own."""
    settings = codec.settings + (codec.wide_settings if sr >= WIDE_HZ else ())
    return replace(codec, settings=settings, delays=dict(codec.delays))

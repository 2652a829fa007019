"""Files in formats that only PyAV reads, written by PyAV: what phones, browsers, messengers and cameras record."""

import io
from fractions import Fraction
from typing import Any

import numpy as np

_FPS = 25
_BITRATE = 32_000  # of a channel


def write_media(
    waveform: np.ndarray,
    sr: int,
    container: str,
    codec: str,
    *,
    options: dict[str, str] | None = None,
    layout: str = "",
    video: str = "",
    n_tracks: int = 1,
) -> bytes:
    """Return a file with a recording.

    Parameters
    ----------
    waveform : np.ndarray, (n_channels, n_samples)
    sr : int
        Hz.
    container, codec
        As FFmpeg calls them.
    options
        Of the container.
    layout
        Of the channels, such as "5.1": without it, mono or stereo.
    video
        The codec of a track of pictures, none by default.
    n_tracks
        Of sound: the first is the recording, in each further one it is half as loud as in the one before. May be 0.
    """
    import av  # optional

    output: Any
    file = io.BytesIO()
    layout = layout or ("mono" if len(waveform) == 1 else "stereo")
    with av.open(file, "w", format=container, options=options or {}) as output:
        tracks = [output.add_stream(codec, rate=sr, layout=layout) for _ in range(n_tracks)]
        for track in tracks:
            track.codec_context.bit_rate = _BITRATE * len(waveform)
            depths = [form.name for form in track.codec_context.codec.audio_formats or ()]
            track.codec_context.format = next((name for name in ("s16", "s16p") if name in depths), depths[0])
            if codec == "vorbis":
                track.codec_context.options = {"strict": "experimental"}
        pictures = output.add_stream(video, rate=_FPS, width=32, height=32, pix_fmt="yuv420p") if video else None
        if pictures:
            for i in range(max(1, round(waveform.shape[1] / sr * _FPS))):
                picture = av.VideoFrame.from_ndarray(np.full((48, 32), 8 * i % 256, np.uint8), format="yuv420p")
                picture.pts, picture.time_base = i, Fraction(1, _FPS)
                output.mux(pictures.encode(picture))
        for i, track in enumerate(tracks):
            sound = np.ascontiguousarray(waveform.T / 2**i, np.float32).reshape(1, -1)
            size = track.codec_context.frame_size or 4_096
            resampler = av.AudioResampler(track.codec_context.format, layout, sr, size)
            frame = av.AudioFrame.from_ndarray(sound, format="flt", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = sr, 0, Fraction(1, sr)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(track.encode(piece))
            output.mux(track.encode(None))
        if pictures:
            output.mux(pictures.encode(None))
    return file.getvalue()

"""What one string of recordings gives: each system's sound of it, and every metric of that."""

from dataclasses import dataclass, field

import numpy as np

from speech_autoencoder.audio.reading import read
from speech_autoencoder.audio.resampling import resample
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct, to_waveform
from speech_autoencoder.config import InversionConfig
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics
from speech_autoencoder.evaluation import pitch as metrics_pitch
from speech_autoencoder.evaluation import spectral as metrics_spectral
from speech_autoencoder.evaluation.words import WordRecogniser
from speech_autoencoder.system.files import printable

SYSTEMS = {
    "model": "the model",
    "pca": "PCA floor (linear, as many numbers)",
    "copy_synthesis": "ceiling (no model in between)",
}
# What is said of each recording beside its log-mel error.
ALONE = ("stoi", "level_db", "mcd_db", "f0_cents", "gross_pitch_error", "voicing_error", "f0_frame_error")


@dataclass
class SegmentScores:
    """What a string of recordings gives: the model's `errors` (n,); `sums` by system and metric, as a Unit has them;
    `alone`, {recording: the model's own scores}, and `heard`, {recording: {system: word}}, of those that were scored;
    squared log-mel errors by `bands` and `parts`; `left_out`.
    """

    errors: list[float]
    sums: dict[str, dict[str, tuple[float, float]]]
    bands: dict[str, np.ndarray]
    parts: dict[str, np.ndarray]
    alone: dict[int, dict] = field(default_factory=dict)
    heard: dict[int, dict] = field(default_factory=dict)
    left_out: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Scorer:
    """A function of a string of recordings (indices) that says what it gives."""

    dataset: Dataset
    encoders: dict[str, Encoder | None]
    inversion: InversionConfig
    systems: list[str]
    recogniser: WordRecogniser | None
    labels: dict[str, str]

    def __call__(self, recordings):
        """What the recordings give, scored as one string of sound."""
        sr = int(max(self.dataset.sr[i] for i in recordings))
        judged = SegmentScores(
            [],
            {system: {} for system in (*self.systems, "original")},
            dict.fromkeys(self.systems, 0.0),
            dict.fromkeys(self.systems, 0.0),
        )
        string = {system: [] for system in ("original", *self.systems)}
        for i in recordings:
            frames = self.dataset.frames(i)
            outputs = self._outputs(frames)
            self._compare_log_mels(judged, frames, outputs)
            try:
                original = read_original(self.dataset, i)
            except InputError as error:
                judged.left_out.append({"path": self.dataset.names[i], "reason": str(error)})
                continue
            waveforms = {"original": original} | {key: self._sound(i, output) for key, output in outputs.items()}
            for system, waveform in waveforms.items():
                string[system].append(resample(waveform, int(self.dataset.sr[i]), sr))
            judged.alone[i] = _score_alone(judged.sums, waveforms, int(self.dataset.sr[i]))
            self._hear(judged, i, waveforms)
        for system in self.systems if string["original"] else ():
            for metric, value in _score(string["original"], string[system], sr).items():
                _add(judged.sums[system], metric, value, 1)
        return judged

    def _compare_log_mels(self, judged, frames, outputs):
        """Nothing; the errors of each system's log-mel are added."""
        features = self.dataset.features
        for system, output in outputs.items():
            squares, counts = metrics_spectral.log_mel_sums_over_time(frames, output, features)
            by_band = metrics_spectral.log_mel_error_by_band_db(frames, output, features) ** 2
            _add(judged.sums[system], "log_mel_db", by_band.mean() * frames.shape[1], frames.shape[1])
            judged.bands[system] = judged.bands[system] + by_band * frames.shape[1]
            judged.parts[system] = judged.parts[system] + np.array([squares, counts])
        judged.errors.append(metrics.log_mel_error_db(frames, outputs["model"], features))

    def _sound(self, recording, output):
        """The waveform of a log-mel, of the recording's rate and length."""
        sr, n_samples = int(self.dataset.sr[recording]), int(self.dataset.n_samples[recording])
        return np.concatenate(list(to_waveform([output], self.dataset.features, self.inversion, sr, n_samples)))

    def _hear(self, judged, recording, waveforms):
        """Nothing; which word is heard in each waveform is added, where it is known which was said."""
        label = self.labels.get(self.dataset.names[recording])
        if not self.recogniser or label not in self.recogniser.labels:
            return
        heard = self.recogniser.recognise(list(waveforms.values()), sr=int(self.dataset.sr[recording]))
        judged.heard[recording] = {"said": label} | dict(zip(waveforms, heard, strict=True))
        for system in waveforms:
            _add(judged.sums[system], "words", judged.heard[recording][system] == label, 1)

    def _outputs(self, frames):
        """The log-mel of each system."""
        model = self.encoders["model"]
        outputs = {
            "model": reconstruct(model, frames),
            "pca": model.model.baseline.reconstruct(frames),
            "copy_synthesis": frames,
            "other": reconstruct(self.encoders["other"], frames) if self.encoders["other"] else None,
        }
        return {system: outputs[system] for system in self.systems}


def _add(sums, metric, value, weight):
    """Nothing; the value, as far as it is a number, has been added to the sums of the metric."""
    if np.isfinite(value) and weight:
        total = sums.get(metric, (0.0, 0.0))
        sums[metric] = (total[0] + float(value), total[1] + float(weight))


def segment_metrics(sr):
    """The metrics that strings of sound at sr Hz are scored with."""
    pesq = [f"pesq_{mode}" for mode in _pesq_modes(sr)] if metrics.has_pesq() else []
    return ["stoi", "estoi", *pesq, *(["dnsmos"] if metrics.has_dnsmos() else [])]


def read_original(dataset: Dataset, recording: int) -> np.ndarray:
    """The waveform of a recording of the dataset, at its own rate.

    Raises InputError where it is gone, is another than when the array was made, or is silent.
    """
    waveform = read(dataset.path(recording))
    if len(waveform) != dataset.n_samples[recording]:
        raise InputError(f"{printable(dataset.names[recording])} has changed since the array was made.")
    if not waveform.any():
        raise InputError(f"{printable(dataset.names[recording])} is silent: there is nothing to understand.")
    return waveform


def _score_alone(sums, waveforms, sr):
    """What can be said of the model's sound of one recording, however short, None where nothing can.

    What all systems' sounds score is added to the sums.
    """
    reference, own = waveforms["original"], {}
    pitch = metrics_pitch.track(reference, sr)
    for system in waveforms.keys() - {"original"}:
        estimate = waveforms[system]
        distortions = metrics_spectral.mel_cepstral_distortions_db(reference, estimate, sr)
        pitch_errors = metrics_pitch.compare_tracks(pitch, metrics_pitch.track(estimate, sr))
        level_db = metrics.level_error_db(reference, estimate)
        _add(sums[system], "mcd_db", distortions.sum(), len(distortions))
        _add_pitch(sums[system], pitch_errors)
        _add(sums[system], "level_db", abs(level_db), 1)
        if system == "model":
            value = metrics.stoi(reference, metrics.match_level(reference, estimate), sr)
            own = {
                "stoi": None if np.isnan(value) else value,
                "level_db": level_db if np.isfinite(level_db) else None,
                "mcd_db": float(distortions.mean()) if len(distortions) else None,
                **_pitch_alone(pitch_errors),
            }
    return own


def _add_pitch(sums, errors):
    """Nothing; the errors of pitch, PitchErrors, are added: medians count as often as there are frames."""
    _add(sums, "f0_cents", errors.median_cents * errors.n_both, errors.n_both)
    _add(sums, "gross_pitch_error", errors.n_gross, errors.n_both)
    _add(sums, "voicing_error", errors.n_different, errors.n_frames)
    _add(sums, "f0_frame_error", errors.n_gross + errors.n_different, errors.n_frames)


def _pitch_alone(errors):
    """The scores of one recording's PitchErrors."""
    return {
        "f0_cents": errors.median_cents if errors.n_both else None,
        "gross_pitch_error": errors.n_gross / errors.n_both if errors.n_both else None,
        "voicing_error": errors.n_different / errors.n_frames,
        "f0_frame_error": (errors.n_gross + errors.n_different) / errors.n_frames,
    }


def _score(references, estimates, sr):
    """The metrics of the recordings as one string of sound."""
    reference = metrics.join(references, sr)
    estimate = metrics.join(estimates, sr)
    scores = metrics.intelligibility(reference, estimate, sr, modes=_pesq_modes(sr))
    if metrics.has_dnsmos():
        scores["dnsmos"] = metrics.dnsmos(metrics.match_level(reference, estimate), sr)
    return scores


def _pesq_modes(sr):
    """The modes of PESQ that sound at sr Hz can be scored with."""
    return ("nb", "wb") if sr >= 16_000 else ("nb",)

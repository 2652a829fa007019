"""The model card: a Markdown page about a model, with metadata at its top that Hugging Face reads.

Its facts are those of an evaluation, which has the model's own description. Names from files are written as code or
escaped, so that they can neither add fields nor mark-up.
"""

import json
import re
from pathlib import Path
from typing import Any

from speech_autoencoder.config import FeatureConfig, ModelConfig
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import Evaluation
from speech_autoencoder.evaluation.verdict import number
from speech_autoencoder.model.model_file import UNKNOWN, licence_of
from speech_autoencoder.model.origin import origins
from speech_autoencoder.report.text import columns, describe_intervals, describe_recordings, format_score, shown
from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.files import atomic_write, printable
from speech_autoencoder.system.signed_text import filled_fields, sign
from speech_autoencoder.system.wording import counted

# Of a text from a model's file.
_MOST_CHARACTERS = 600
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~!&$@]|(?<=:)/|(?<=www)\.)")
_TAGS = ["audio", "speech", "autoencoder", "mel-spectrogram", "speech-reconstruction"]
_LIMITS = (
    "It was trained for speech. Music, noise and several voices at once are reconstructed poorly.",
    "Phases are not in the latent: the sound is made anew, and its waveform differs from the original's.",
    "It was not tested for recognising persons, or for hiding them: a reconstruction keeps the voice.",
)


def model_card(result: Evaluation, fields: dict[str, str] | None = None) -> str:
    """Return the card of the model of an evaluation.

    Parameters
    ----------
    result
        The evaluation.
    fields
        Fields of the metadata that the user has filled in, see `filled_fields`.
    """
    lines = ["---", *_metadata(result, fields or {}), "---", "", f"# {_plain(name_of(result))}", ""]
    lines += [*_about(result), "## Data", "", *_data(result), "## Scores", "", *_scores(result)]
    lines += ["## What the scores mean", "", *_verdict(result), "## What it cannot do", ""]
    lines += [f"- {limit}" for limit in _limits(result)]
    lines += ["", "## Use", "", *_use(result), "## Licence", "", *_licence(result, fields or {}), "", ""]
    return sign("\n".join(lines))


def write(path: Path, result: Evaluation) -> bool:
    """Write the card of the model of an evaluation, and return whether it has a licence.

    Fields that were filled in at the path stay.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    fields = filled_fields(path)
    text = model_card(result, fields)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return UNKNOWN not in fields.get("license", licence_of(result.training))


# ---- the metadata


def _metadata(result: Evaluation, fields: dict[str, str]) -> list[str]:
    """Return the lines of YAML: strings as JSON, which YAML contains."""
    languages = _languages(result.training)
    made = {"license": f"license: {_quoted(licence_of(result.training))}\n"}
    if languages:
        made["language"] = "".join(["language:\n", *(f"- {_quoted(language)}\n" for language in languages)])
    lines = "".join((made | fields).values()).splitlines()
    lines += [f"library_name: {PROGRAM}", "pipeline_tag: audio-to-audio", "tags:", *(f"- {tag}" for tag in _TAGS)]
    scores = result.scores["model"]
    known = [(METRICS[key], value) for key, value in scores.items() if key in METRICS and value is not None]
    if not known:
        return lines
    lines += [
        "model-index:",
        f"- name: {_quoted(name_of(result))}",
        "  results:",
        "  - task:",
        "      type: audio-to-audio",
        "      name: Speech reconstruction",
        "    dataset:",
        "      type: speech-recordings",
        f"      name: {_quoted(printable(result.data.path))}",
        f"      revision: {_quoted(result.data.fingerprint)}",
        "    metrics:",
    ]
    for metric, value in known:
        lines += [f"    - type: {metric.key}", f"      name: {_quoted(metric.title)}", f"      value: {value:.6g}"]
    return lines


def _languages(description: dict[str, Any]) -> list[str]:
    """Return the languages that a description names, by their codes."""
    source = description.get("source")
    named = source.get("languages") if isinstance(source, dict) else None
    return [code for code in named if isinstance(code, str) and re.fullmatch("[a-z]{2,3}", code)] if named else []


def _quoted(text: str) -> str:
    return json.dumps(text)


# ---- the text


def name_of(result: Evaluation) -> str:
    """Return the model's name: that of its file."""
    return printable(Path(str(result.model["path"])).stem)


def _about(result: Evaluation) -> list[str]:
    config = ModelConfig.from_json({key: value for key, value in result.model.items() if key != "path"})
    features = FeatureConfig.from_json(result.features)
    window_ms, hop_ms = (1_000 * samples / features.sr for samples in (features.n_fft, features.hop_length))
    lines = [
        "A convolutional auto-encoder for speech: it makes a short latent of a log-mel spectrogram, and of the latent "
        "a spectrogram that becomes sound again.",
        "",
        f"- Latent: {config.latent_size} values for every {config.frames_per_latent} frames, "
        f"{config.latent_rate(features):,.0f} values per second of sound.",
        f"- Features: preset {features.preset}, {features.sr:,} Hz, {features.n_mels} mel bands, windows of "
        f"{window_ms:.0f} ms every {hop_ms:.0f} ms.",
    ]
    codec = result.training.get("codec")
    kbits = codec.get("kbits") if isinstance(codec, dict) else None
    if isinstance(kbits, list) and len(kbits) == 2 and all(isinstance(each, float) for each in kbits):
        lines.append(f"- Codec: {kbits[0]:.1f} to {kbits[1]:.1f} kbit/s, on training recordings.")
    return [*lines, f"- Made by {PROGRAM} {_plain(result.version)}.", ""]


def _data(result: Evaluation) -> list[str]:
    """Return what is known of the recordings of training, and of testing."""
    description, shared = result.training, result.shared_with_training
    source = description.get("source")
    count, minutes = number(description, "data", "n_recordings"), shared.training_minutes if shared else None
    training = "Training: " + (counted(int(count), "recording") if count else "an unknown number of recordings")
    training += f", {minutes:.1f} minutes" if minutes else ""
    what = source.get("recordings") if isinstance(source, dict) else None
    training += f": {_plain(what)}." if isinstance(what, str) else ". Where they come from is not in the model's file."
    split = description.get("training")
    how = split.get("split") if isinstance(split, dict) else None
    if isinstance(how, str):
        training += f" Validation: {_plain(how)}."
    starts = [f"It started from {_origin(origin)}" for origin in origins(description)]
    testing = f"Testing: {_code(result.data.path)}. {describe_recordings(result)}"
    if shared:
        testing += (
            f" {shared.n_leaked:,} of them nearly identical to a recording of training; "
            f"{shared.n_known_speakers} of {counted(shared.n_speakers, 'speaker')} in training too."
        )
    return [training, "", *(line for start in starts for line in (start, "")), testing, ""]


def _origin(origin: dict[str, Any]) -> str:
    """Return the model that another one started from, with what is known of its recordings."""
    count, source = number(origin, "data", "n_recordings"), origin.get("source")
    text = f"{_code(origin['name'])} (SHA-256 {_code(str(origin.get('sha256', '')))})"
    text += f", which was trained on {counted(int(count), 'recording')}" if count else ""
    what = source.get("recordings") if isinstance(source, dict) else None
    return text + (f": {_plain(what)}." if isinstance(what, str) else ".")


def _scores(result: Evaluation) -> list[str]:
    """Return the scores with their intervals as a table, and what the intervals are over."""
    scores, intervals = shown(result)
    titles = columns(scores)
    lines = [f"| | {' | '.join(titles.values())} |", f"|---|{'---|' * len(titles)}"]
    for metric in METRICS.values():
        if metric.key in result.scores["model"]:
            cells = [format_score(metric, scores[key], intervals.get(key, {})) for key in titles]
            lines.append(f"| {metric.title} | {' | '.join(cells)} |")
    return [*lines, "", _plain(describe_intervals(result)), ""]


def _verdict(result: Evaluation) -> list[str]:
    return [*(f"- {_plain(f'{finding.sentence} {finding.evidence}')}" for finding in result.verdict), ""]


def _limits(result: Evaluation) -> list[str]:
    """Return what the model cannot do, or what nobody has measured."""
    shared = result.shared_with_training
    voices = "Whether it works for other voices was not measured: "
    if shared is None:
        voices += "testing could not be compared with training."
    elif shared.n_known_speakers or not shared.n_speakers:
        voices += "its testing has voices of training, or voices that are not known."
    else:
        voices = f"It was tested on {counted(shared.n_speakers, 'voice')} that training does not have."
    if origin := next(origins(result.training), None):
        voices += f" The recordings of {_code(origin['name'])}, which it started from, were not compared with testing."
    return [
        voices,
        *_LIMITS,
        f"What is above {result.features['sr'] / 2_000:.4g} kHz is lost.",
        "Other languages, microphones and rooms than those of its recordings were not measured.",
    ]


def _use(result: Evaluation) -> list[str]:
    """Return a few lines of Python."""
    lines = [
        "import soundfile as sf",
        "import speech_autoencoder as sa",
        "",
        f"model = sa.load({_quoted(printable(Path(str(result.model['path'])).name))})",
        'waveform, sr = sf.read("recording.wav", dtype="float32")',
        "latent = model.encode(waveform, sr)",
        'sf.write("reconstruct.wav", model.reconstruct(waveform, sr), sr)',
    ]
    return ["```python", *lines, "```", ""]


def _licence(result: Evaluation, fields: dict[str, str]) -> list[str]:
    source = result.training.get("source")
    attribution = source.get("attribution") if isinstance(source, dict) else None
    lines = ["The field `license` at the top names it."]
    if UNKNOWN in fields.get("license", licence_of(result.training)):
        lines[0] += " It is not known yet: fill in what the recordings allow. It stays when the card is made anew."
    if isinstance(attribution, str):
        lines[0] += f" Recordings: {_plain(attribution)}"
    for origin in origins(result.training):
        source = origin.get("source")
        attribution = source.get("attribution") if isinstance(source, dict) else None
        if isinstance(attribution, str):
            licence = _code(licence_of(origin))
            lines += ["", f"Recordings of {_code(origin['name'])}, whose licence is {licence}: {_plain(attribution)}"]
    return lines


def _plain(text: str) -> str:
    """Return a text as one line in which nothing is mark-up."""
    return _MARKUP.sub(r"\\\1", printable(str(text))[:_MOST_CHARACTERS])


def _code(text: str) -> str:
    """Return a text as code, in which nothing is mark-up."""
    text = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"

"""Write docs/api.md from the docstrings of what `import speech_autoencoder` offers.

python -m tools.api_docs
"""

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import speech_autoencoder
from speech_autoencoder.api.interpolation import Interpolation
from speech_autoencoder.api.prediction import Prediction
from speech_autoencoder.data.building import Summary

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
INTRODUCTION = """# Python API

<!-- Written by python -m tools.api_docs from the docstrings. -->

    import speech_autoencoder as sa

Importing it takes a few milliseconds and loads nothing; each name is loaded when it is first used. Only `train`, and
the word recogniser that `evaluate` trains, need TensorFlow.

- A waveform is a one-dimensional array of floats, mono, with full scale 1, and `sr` its sample rate in Hz.
- Nothing is printed, unless you pass `say=print`. `progress=lambda description, total: tqdm(desc=description,
  total=total)` shows bars. Warnings are those of Python.
- What you can correct raises `InputError`, a `ValueError` of one line: what was received, what was expected, what to
  do. Files are written whole or not at all, and no file is replaced that this program has not made.
- Paths may be text or `Path`.
- Every function and class has type hints, which type checkers see.
"""
# In the order in which one meets them, by heading.
SECTIONS = {
    "A model": ("load", "Model"),
    "Sound and features": ("read", "log_mel", "invert", "preset", "FeatureConfig"),
    "The pipeline": ("build_dataset", "train", "evaluate", "predict", "interpolate"),
    "Errors": ("InputError",),
}
# What functions return, besides arrays and numbers. `Result` is described without starting TensorFlow.
RESULTS = {"Summary": Summary, "Prediction": Prediction, "Interpolation": Interpolation}
_RESULT_FILE = ROOT / "speech_autoencoder" / "training" / "result.py"
# A section of a docstring in the style of numpydoc.
_SECTION = re.compile(r"^(\w+)\n-{3,}\n", re.MULTILINE)
_LISTS = ("Parameters", "Attributes", "Returns", "Raises")


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for heading, names in SECTIONS.items():
        parts.append(f"## {heading}\n")
        parts += [_describe(name, getattr(speech_autoencoder, name)) for name in names]
    parts.append("## What functions return\n")
    docstrings = {name: inspect.getdoc(value) or "" for name, value in RESULTS.items()}
    docstrings["Result"] = _docstring(_RESULT_FILE)
    parts += [f"### `{name}`\n\n{_body(text)}" for name, text in docstrings.items()]
    parts.append("`evaluate` returns an `Evaluation`: [evaluation.json](evaluation.md) describes its fields.\n")
    return "\n".join(parts)


def _docstring(path: Path) -> str:
    """Return the docstring of the class `Result` in a file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == "Result":
            return ast.get_docstring(node) or ""
    raise LookupError(f"{path} has no class Result")


def _describe(name: str, value: Any) -> str:
    """Return the part of the page about a function or class, with the methods of the class."""
    signature = f"{_signature(name, value)}\n" if inspect.isfunction(value) else ""
    parts = [f"### `{name}`\n\n{signature}{_body(inspect.getdoc(value) or '')}"]
    if name == "Model":
        members = [(key, member) for key, member in vars(value).items() if not key.startswith("_")]
        properties = [(key, member) for key, member in members if isinstance(member, property)]
        parts.append("".join(f"- `.{key}`: {inspect.getdoc(member)}\n" for key, member in properties))
        for key, member in members:
            if inspect.isfunction(member):
                parts.append(f"#### `{name}.{key}`\n\n{_signature(key, member)}\n{_body(inspect.getdoc(member) or '')}")
    return "\n".join(parts)


def _signature(name: str, function: Any) -> str:
    """Return the code block of a signature, with an argument on each line where it is long."""
    signature = inspect.signature(function)
    signature = signature.replace(parameters=[p for p in signature.parameters.values() if p.name != "self"])
    text = re.sub(
        r"\b(?:numpy|pathlib|os|collections\.abc|speech_autoencoder(?:\.\w+)*)\.(?=\w)", "", f"{name}{signature}"
    )
    text = re.sub(r"-> '(\w+)'", r"-> \1", text).replace("ndarray", "np.ndarray")
    if len(text) > 100:
        start, _, rest = text.partition("(")
        arguments, _, end = rest.rpartition(")")
        lines = re.split(r", (?=[\w*]+(?::| =|,|$)|\*)", arguments)
        text = "\n".join([f"{start}(", *(f"    {line}," for line in lines), f"){end}"])
    return f"```python\n{text}\n```\n"


def _body(docstring: str) -> str:
    """Return a docstring as Markdown: text, lists of arguments, an example as code."""
    summary, *sections = _SECTION.split(docstring)
    parts = [_text(summary)]
    for heading, content in zip(sections[::2], sections[1::2], strict=True):
        if heading == "Examples":
            parts.append(f"```pycon\n{content.strip()}\n```\n")
        elif heading in _LISTS:
            parts.append(f"{heading}:\n\n{_list(content)}")
        else:
            parts.append(f"{heading}:\n\n{_text(content)}")
    return "\n".join(parts)


def _list(content: str) -> str:
    """Return a section of names and descriptions as a list."""
    lines: list[str] = []
    for item in re.split(r"\n(?=\S)", content.strip()):
        name, _, description = item.partition("\n")
        names, _, kind = name.partition(" : ")
        text = " ".join(textwrap.dedent(description).split())
        lines.append(f"- `{names}`" + (f" ({kind})" if kind else "") + (f": {text}" if text else ""))
    return _code("\n".join(lines) + "\n")


def _text(text: str) -> str:
    """Return a text as Markdown, with one paragraph on each line."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
    return _code("\n\n".join(paragraphs) + "\n")


def _code(text: str) -> str:
    """Return a text with the marks of code that Markdown has."""
    return text.replace("``", "`")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

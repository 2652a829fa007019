"""Damage to JSON files: changed, missing and additional values, or no valid JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robustness.damage.bytes import choose
from speech_autoencoder.system.files import read_json

# Values that no field expects.
_HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 10**400, 0.5, -0.0, float("nan"), float("inf"), 1e308),
    *("", "1", "x" * 100_000, "\ud800", "a\0b", "../../../etc/passwd", "<b>", "\n", [], {}, [[]], [0] * 1_000),
    *({"a": {"b": []}}, ["x"], [None], [1.5], [-1], [10**30]),
)
# Whole files: too deep, too long, or not what any of the project's JSON files is.
BOMBS = (
    *("[" * 1_000_000, '{"a":' * 200_000, "9" * 1_000_000, "-" * 1_000, "1e999", '"' + "a" * 8_000_000 + '"', "{}"),
    *("[" + "[]," * 4_000_000 + "[]]", "{" + '"a":1,' * 500_000 + '"a":1}', "\ufeff{}", "null", "[]", "\0" * 1_000, ""),
)


def damage_json(path: Path, rng: np.random.Generator, within: Sequence[str | None] = (None,)) -> None:
    """Change, delete or add one to three values of a JSON file.

    Parameters
    ----------
    path
        The file.
    rng
        Decides what is damaged.
    within
        The top-level keys below which values are damaged; None is the whole file.
    """
    data = read_json(path, "")
    for _ in range(int(rng.integers(1, 4))):
        key = choose(rng, within)
        node = data.get(key, data) if key else data
        while isinstance(node, dict | list) and node:
            keys = sorted(node) if isinstance(node, dict) else range(len(node))
            key = choose(rng, keys)
            if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
                node = node[key]
                continue
            if rng.random() < 0.2:
                del node[key]
            elif isinstance(node, dict) and rng.random() < 0.1:
                node["surprise"] = 1
            else:
                node[key] = choose(rng, _HOSTILE_VALUES)
            break
    path.write_text(json.dumps(data), encoding="utf-8")

"""Damage to what a file of JSON says: other values, missing ones, new ones, or no JSON."""

import json
from pathlib import Path

import numpy as np

from robustness.mutants import one
from speech_autoencoder.system.files import read_json

# Values that no field expects.
_HOSTILE = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 10**400, 0.5, -0.0, float("nan"), float("inf"), 1e308),
    *("", "1", "x" * 100_000, "\ud800", "a\0b", "../../../etc/passwd", "<b>", "\n", [], {}, [[]], [0] * 1_000),
    *({"a": {"b": []}}, ["x"], [None], [1.5], [-1], [10**30]),
)
# What no JSON of ours is.
BOMBS = (
    *("[" * 1_000_000, '{"a":' * 200_000, "9" * 1_000_000, "-" * 1_000, "1e999", '"' + "a" * 8_000_000 + '"', "{}"),
    *("[" + "[]," * 4_000_000 + "[]]", "{" + '"a":1,' * 500_000 + '"a":1}', "\ufeff{}", "null", "[]", "\0" * 1_000, ""),
)


def damage_json(path: Path, rng: np.random.Generator, within=(None,)) -> None:
    """Nothing; one to three values of the JSON in path are others, missing, or new; within names where."""
    data = read_json(path, "")
    for _ in range(int(rng.integers(1, 4))):
        key = one(rng, within)
        node = data.get(key, data) if key else data
        while isinstance(node, (dict, list)) and node:
            keys = sorted(node) if isinstance(node, dict) else range(len(node))
            key = one(rng, keys)
            if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.8:
                node = node[key]
                continue
            if rng.random() < 0.2:
                del node[key]
            elif isinstance(node, dict) and rng.random() < 0.1:
                node["surprise"] = 1
            else:
                node[key] = one(rng, _HOSTILE)
            break
    path.write_text(json.dumps(data), encoding="utf-8")

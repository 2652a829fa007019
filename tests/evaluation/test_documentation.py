"""docs/evaluation.md describes every metric and every key of evaluation.json, and nothing else."""

import re

import pytest

from speech_autoencoder.evaluation import results
from speech_autoencoder.evaluation.metrics.registry import METRICS
from tools import metrics_table

TEXT = metrics_table.PAGE.read_text(encoding="utf-8")
# The headings of the tables of keys, and whose fields they describe.
OBJECTS = {
    "The file": results.Evaluation,
    "`config`": results.RunConfig,
    "`data`": results.ArrayFile,
    "`verdict`, each finding": results.Finding,
    "`shared_with_training`": results.SharedWithTraining,
    "`shared_with_training`, each of `pairs`": results.SimilarPair,
    "`rates`": results.Rates,
    "`rates`, each of `rows`": results.RateRow,
    "`rates`, each of `missing`": results.MissingCodec,
    "`coverage`, of each metric": results.Coverage,
    "`log_mel_error`": results.LogMelError,
    "`log_mel_error`, each of `systems`": results.ErrorProfile,
    "`left_out`, each recording": results.LeftOut,
    "`segments`, each": results.SegmentResult,
    "`originals`": results.Originals,
    "`recordings`, each": results.RecordingResult,
    "`words` and `speakers`": results.RecognitionResults,
    "`probes`, each": results.Probe,
    "`comparison`": results.Comparison,
    "`comparison` and `probes`, each of `differences`": results.Difference,
}


def keys_below(heading):
    """Return the keys in the table below a heading of the page."""
    section = TEXT.split(f"\n### {heading}\n")[1].split("\n#")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_page_table_of_metrics_is_that_of_the_registry():
    assert metrics_table.insert(TEXT) == TEXT, "run python -m tools.metrics_table"
    for key in METRICS:
        assert f"| `{key}` |" in TEXT


@pytest.mark.parametrize("heading", OBJECTS)
def test_page_table_of_keys_has_every_field(heading):
    fields = set(OBJECTS[heading].__dataclass_fields__)
    keys = keys_below(heading)
    assert sorted(keys) == sorted(fields)


def test_page_describes_every_object_of_the_results():
    described = set(re.findall(r"^### (.+)$", TEXT.split("\n## evaluation.json")[1], re.MULTILINE))
    assert described == set(OBJECTS)
    classes = {value for value in vars(results).values() if hasattr(value, "__dataclass_fields__")}
    assert classes - {results.Measurements} == set(OBJECTS.values())


def test_page_names_the_format():
    assert results.FORMAT in TEXT

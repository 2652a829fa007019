"""What the evaluation reports on the terminal."""

from dataclasses import replace

import pytest

from speech_autoencoder.cli.evaluating import report_scores
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import Measurements
from speech_autoencoder.evaluation.systems import SYSTEMS
from tests.helpers.hostile_page import make_evaluation


@pytest.mark.parametrize("is_installed", [True, False])
def test_report_scores_missing_package_says_how_to_install_it(monkeypatch, is_installed):
    for key in ("pesq_nb", "pesq_wb"):
        monkeypatch.setitem(METRICS, key, replace(METRICS[key], is_installed=lambda: is_installed))
    said = []
    report_scores(make_evaluation(Measurements(scores={key: {"stoi": 0.9} for key in SYSTEMS})), said.append)
    assert sum("pip install '.[metrics]'" in line for line in said) == (not is_installed)

"""The table of settings, and the reconstructions that it scores."""

import argparse

import numpy as np
import pytest

from benchmarks.quality import settings
from benchmarks.quality.reconstructions import SYSTEMS, measure, reconstruct_all
from benchmarks.quality.scoring import METRICS
from benchmarks.quality.settings import Setting, to_setting
from speech_autoencoder.audio.reading import read
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct_recording
from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig


def test_to_setting_takes_a_preset_and_a_rate():
    assert to_setting("classic:705") == Setting("classic", 705)
    assert str(to_setting("classic:705")) == "classic:705"
    for text in ("classic", "classic:", "coarse:705", "fine:-1", "fine:many"):
        with pytest.raises(argparse.ArgumentTypeError):
            to_setting(text)


def test_reconstruct_all_model_is_what_predict_writes(small_arrays, shaken, tmp_path):
    data, encoder = small_arrays[1], Encoder(shaken, LatentSearchConfig(steps=2))
    waveforms = reconstruct_all(data, encoder, workers=2)[0]["model"]
    for i in (0, len(data.names) - 1):
        reconstruct_recording(data.path(i), encoder, InversionConfig(), tmp_path / "out.wav")
        assert np.allclose(read(tmp_path / "out.wav"), waveforms[i], atol=3 / 32_768)


def test_lines_of_row_have_a_cell_for_every_column(small_arrays, shaken):
    measured = measure(small_arrays[1], Encoder(shaken, LatentSearchConfig(steps=2)), recognitions={}, workers=2)
    assert measured.n_recordings == len(small_arrays[1].names)
    facts = {"latent_per_second": 129.2, "log_mel_per_second": CLASSIC.n_mels * CLASSIC.frame_rate, "training_s": 60.0}
    row = settings.row_of(Setting("classic", 130.0), facts, {"ann": measured, "bob": measured})
    assert row["n_recordings"] == 2 * measured.n_recordings
    assert row["latent_per_second_last_latents_in_full"] > 129.2
    assert row["scores"]["copy_synthesis"]["stoi"] > row["scores"]["pca"]["stoi"] > row["scores"]["model"]["stoi"]
    assert row["speakers"]["ann"]["model"] == row["speakers"]["bob"]["model"]
    lines = settings.lines_of(row).splitlines()
    assert len(lines) == len(SYSTEMS)
    assert {line.count("|") for line in lines} == {len(settings.columns(METRICS)) + 1}
    assert lines[0].startswith("| classic:130 | the model | 129 | - | ")

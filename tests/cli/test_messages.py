"""What command lines report: plain sentences, in the singular and in the plural."""

from types import SimpleNamespace

import pytest

from speech_autoencoder.cli.messages import describe_encoded, describe_latent, describe_left_out, describe_training
from speech_autoencoder.codec.recording_codec import Encoded
from speech_autoencoder.config import CLASSIC, ModelConfig
from tests.helpers.common import TINY


def test_describe_left_out_one_recording_is_singular():
    lines = []
    describe_left_out([("a.wav", "too short")], "left out", lines.append)
    assert lines[0] == "1 recording was left out:"


@pytest.mark.parametrize(
    ("qualities", "expected"),
    [((3,), "quality step 3."), ((3, 3), "quality step 3."), ((4, 2, 3), "quality steps 2 to 4.")],
)
def test_describe_encoded_names_the_quality_steps(qualities, expected, tmp_path):
    lines = []
    (tmp_path / "a.wav").write_bytes(bytes(400))
    result = Encoded(n_bytes=100, seconds=2.0, qualities=qualities, is_within=True)
    describe_encoded([result], [tmp_path / "a.wav"], tmp_path / "a.sae", 1.0, lines.append)
    assert len(lines) == 1
    assert "100 bytes for 2.00 s, 0.40 kbit/s, 4.0 times smaller than" in lines[0]
    assert lines[0].endswith(expected)


def test_describe_left_out_gives_each_reason_or_nothing():
    lines = []
    describe_left_out([], "left out", lines.append)
    assert lines == []
    describe_left_out([("a.wav", "a.wav is empty"), ("b.wav", "b.wav is text")], "left out", lines.append)
    assert "2 recordings" in lines[0]
    assert [line.strip() for line in lines[1:]] == ["a.wav is empty", "b.wav is text"]


def test_describe_left_out_reason_without_the_name_gets_it():
    lines = []
    left_out = [("a.wav", "too short"), ("new\nline\udcff.wav", "too short"), ("b\n.wav", "b\n.wav has changed")]
    describe_left_out(left_out, "not scored", lines.append)
    assert [line.strip() for line in lines[1:]] == [
        "a.wav: too short",
        r"new\nline\udcff.wav: too short",
        r"b\n.wav has changed",
    ]


def test_describe_latent_says_how_much_smaller_it_is():
    lines = []
    describe_latent(CLASSIC, ModelConfig(128, 8, 128), lines.append)
    assert "128 values for 8 frames, 689 per second" in lines[0]
    assert "5,512 per second, 8.0 times" in lines[0]
    describe_latent(TINY, ModelConfig(16, 8, 4), lines.append)
    assert "4 values for 8 frames, 62 per second" in lines[1]
    describe_latent(CLASSIC, ModelConfig(128, 8, 1), lines.append)
    assert "Latent: 1 value for 8 frames" in lines[2]


@pytest.mark.parametrize(
    ("best_epoch", "expected"), [(0, "no epoch was better than the start"), (2, "the best epoch is 2")]
)
def test_describe_training_names_the_best_epoch(best_epoch, expected):
    lines = []
    model = SimpleNamespace(network=SimpleNamespace(n_weights=1_000), description={"codec": None})
    errors = {"best_db": 1.0, "baseline_db": 2.0, "best_loss": 0.1, "baseline_loss": 0.2}
    result = SimpleNamespace(history=[1], n_epochs=1, ended="done", model=model, best_epoch=best_epoch, **errors)
    describe_training(result, lines.append, can_resume=False)
    assert lines[:2] == ["Trained for 1 epoch.", f"1,000 weights; {expected}."]

"""What command lines report: plain sentences, in the singular and in the plural."""

import re
from types import SimpleNamespace

import pytest

from speech_autoencoder.audio.formats.kinds import needs_pyav
from speech_autoencoder.cli.messages import describe_encoded, describe_latent, describe_left_out, describe_training
from speech_autoencoder.codec.recording_codec import Encoded
from speech_autoencoder.config import CLASSIC, ModelConfig
from speech_autoencoder.training.history import History
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


def test_describe_left_out_formats_that_need_pyav_are_counted():
    lines: list[str] = []
    waiting = [
        (name, f"f/{name} is {needs_pyav('an AMR file', f'ffmpeg -i f/{name} f.wav')}") for name in ("a.AMR", "b.3gp")
    ]
    describe_left_out([waiting[0], ("c.wav", "c.wav is empty"), waiting[1]], "left out", lines.append)
    assert lines == [
        "3 recordings were left out:",
        "  2 recordings are in formats that need PyAV (3gp, amr): pip install '.[formats]', or convert each, the first "
        "by: ffmpeg -i f/a.AMR f.wav",
        "  c.wav is empty",
    ]
    describe_left_out(waiting[1:], "left out", lines.append)
    assert lines[-1] == f"  {waiting[1][1]}"


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
    ("asked", "config", "expected"),
    [
        (
            0.5,
            ModelConfig(128, 8, 1),
            "--latent-rate 0.5 asks for less than .* one value for 8 frames is 5.4 per second",
        ),
        (10, ModelConfig(128, 8, 1), "--latent-rate 10 is an upper limit: with one value more .* it would be 10.8 per"),
        (20_000, ModelConfig(128, 8, 1_024), "no smaller than the log-mel .* far below 5512, not 20000"),
        (None, ModelConfig(128, 8, 1_024), "no smaller than the log-mel .* far below 5512"),
        (690, ModelConfig(128, 8, 128), None),
        (None, ModelConfig(128, 8, 1), None),
    ],
)
def test_describe_latent_another_rate_than_asked_for_says_why(asked, config, expected):
    lines = []
    describe_latent(CLASSIC, config, lines.append, asked=asked)
    assert len(lines) == (2 if expected else 1)
    assert not expected or re.search(expected, lines[1])


def result_of(
    folder, *, checkpoint=b"", minutes=(1.0,), ended="done", codec=None, training=None, origin=None, **values
):
    """Return what `loop.train` returns of a training, as far as it is described, and the path of its checkpoint."""
    path = folder / "model.checkpoint.npz"
    if checkpoint:
        path.write_bytes(checkpoint)
    training = {"minutes": 5.0, "epochs": 0, "learning_rate": 3e-3} | (training or {})
    model = SimpleNamespace(
        network=SimpleNamespace(n_weights=1_000),
        n_qualities=123,
        description={"codec": codec, "training": training, "started_from": origin},
    )
    values = {"best_db": 1.0, "baseline_db": 2.0, "best_loss": 0.1, "baseline_loss": 0.2, "best_epoch": 1} | values
    history = History(*[list(minutes)] * 5)
    return SimpleNamespace(history=history, n_epochs=len(minutes), ended=ended, model=model, **values), path


@pytest.mark.parametrize(
    ("best_epoch", "expected"), [(0, "no epoch was better than the start"), (2, "the best epoch is 2")]
)
def test_describe_training_names_the_best_epoch(best_epoch, expected, tmp_path):
    lines = []
    describe_training(*result_of(tmp_path, best_epoch=best_epoch), lines.append)
    assert lines[:2] == ["Trained for 1 epoch.", f"1,000 weights; {expected}."]


@pytest.mark.parametrize(
    ("training", "values", "expected"),
    [
        ({"learning_rate": 10.0}, {}, "--learning-rate 10 may be too high; try the default, 0.003"),
        ({"learning_rate": 1e-9}, {}, "--learning-rate 1e-09 may be too low; try the default, 0.003"),
        ({}, {}, "train for longer (--minutes), or on more recordings"),
        ({"learning_rate": 10.0}, {"baseline_db": 0.01}, "use a lower --latent-rate"),
    ],
)
def test_describe_training_that_learned_nothing_says_why(training, values, expected, tmp_path):
    lines = []
    describe_training(*result_of(tmp_path, best_epoch=0, training=training, **values), lines.append)
    assert lines[2].startswith("The training has learned nothing, and the model is PCA alone: ")
    assert expected in lines[2]


def test_describe_training_that_learned_nothing_from_a_model_says_that_it_is_that_one(tmp_path):
    lines = []
    given = {"training": {"learning_rate": 3e-3}, "origin": {"name": "before.h5"}}
    describe_training(*result_of(tmp_path, best_epoch=0, **given), lines.append)
    assert lines[2] == (
        "The training has learned nothing, and the model is that of before.h5: --learning-rate 0.003 may be too high; "
        "try the default, 0.001."
    )


@pytest.mark.parametrize(
    ("values", "is_said"),
    [({"best_loss": 0.3}, True), ({"best_loss": 0.1}, False), ({"best_loss": 0.3, "codec": {}}, False)],
)
def test_describe_training_worse_than_the_baseline_says_so(values, is_said, tmp_path):
    if "codec" in values:
        values = values | {"codec": {"kbits": [0.5, 11.25]}}
    lines = []
    describe_training(*result_of(tmp_path, **values), lines.append)
    says_bitrates = "As a codec, it takes 0.50 to 11.25 kbit/s, in 123 quality steps." in lines
    assert says_bitrates == ("codec" in values)
    assert ("The model is worse than the PCA baseline: train for longer" in lines[2]) == is_said


def test_describe_training_longer_than_its_budget_says_so(tmp_path):
    lines = []
    describe_training(*result_of(tmp_path, training={"minutes": 0.001}, minutes=[0.42]), lines.append)
    assert "--minutes 0.001 is less than the start and an epoch take: it took 0.42." in lines
    lines = []
    describe_training(*result_of(tmp_path, training={"epochs": 1, "minutes": 0.001}, minutes=[0.42]), lines.append)
    assert not any("--minutes 0.001" in line for line in lines)


@pytest.mark.parametrize(
    ("training", "option"),
    [
        ({"minutes": 5.0}, "--resume --minutes 10"),
        ({"minutes": 0.001}, "--resume --minutes 4"),
        ({"epochs": 2}, "--resume --epochs 4"),
    ],
)
def test_describe_training_that_ended_says_how_to_go_on_and_what_that_takes(training, option, tmp_path):
    lines = []
    result = result_of(tmp_path, checkpoint=bytes(2_000_000), minutes=[1.0, 2.0], training=training)
    describe_training(*result, lines.append)
    assert lines[-1].startswith(f"{option} continues this training; only that needs ")
    assert lines[-1].endswith("model.checkpoint.npz (2 MB).")


def test_describe_training_interrupted_goes_on_with_resume_alone(tmp_path):
    lines = []
    describe_training(*result_of(tmp_path, checkpoint=b"1", ended="interrupted", best_epoch=0), lines.append)
    assert lines[0] == "Interrupted after 1 of 1 epoch; continue with --resume."
    assert not any(line.startswith(("--resume", "The training has learned nothing")) for line in lines)


@pytest.mark.parametrize(
    ("asked", "finest", "within", "expected"),
    [
        (1_000.0, True, True, "2 of 2 recordings take less than the 1000 kbit/s .*: the finest .* no more than 0.40."),
        (0.01, False, False, "2 of 2 recordings take more than 0.01 kbit/s even at the coarsest quality step."),
        (0.4, False, True, None),
        (None, True, True, None),
    ],
)
def test_describe_encoded_bitrate_that_is_not_reached_says_why(asked, finest, within, expected, tmp_path):
    lines = []
    (tmp_path / "a.wav").write_bytes(bytes(400))
    results = [Encoded(n_bytes=100, seconds=2.0, qualities=(1,), is_within=within, is_finest=finest)] * 2
    describe_encoded(results, [tmp_path / "a.wav"] * 2, tmp_path, asked, lines.append)
    assert len(lines) == (2 if expected else 1)
    assert not expected or re.search(expected, lines[1])

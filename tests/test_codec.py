"""A recording becomes a file of the size that was asked for, and comes back with its rate and length."""

import os
import re
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import soundfile as sf
from conftest import (
    OFFLINE,
    ROOT,
    TINY,
    assert_refused,
    make_dataset,
    make_entropy,
    make_speech,
    names_in,
    one_line_of,
    run_script,
    shake,
)

from speech_autoencoder import __main__ as commands
from speech_autoencoder import audio, cli, codec, container, entropy, model_file, pca
from speech_autoencoder.audio import read, read_stream
from speech_autoencoder.config import CLASSIC, DEFAULT_BITRATE, EncodingConfig, InversionConfig, LossConfig, ModelConfig
from speech_autoencoder.container import BLOCK_LATENTS, Header
from speech_autoencoder.encoding import Encoder
from speech_autoencoder.errors import InputError
from speech_autoencoder.features import log_mel, mel_spectrogram_stream
from speech_autoencoder.model import build, encode, start_at_pca
from speech_autoencoder.model_file import TrainedModel

# How well the phase is found is another module's.
QUICK = InversionConfig(griffin_lim_rounds=1, segment_s=4.0)
SIZES = ModelConfig(TINY.n_mels, frames_per_latent=4, latent_size=6, finest=1, width=8, depth=1)
N_QUALITIES = 10


def make_codec(seed=0, width=8):
    """A TrainedModel of small clips with an entropy model, its weights random."""
    data, config = make_dataset([f"{i}.wav" for i in range(8)], range(50, 90, 5)), replace(SIZES, width=width)
    floor = pca.fit(data, np.arange(8), *config.floor_shape)
    keras.utils.set_random_seed(seed)
    network = build(config)
    start_at_pca(network, config, floor)
    shake(network, 0.05, seed)
    # The latents are of some 3, and the finest steps of 1/8 still reach all of them.
    coder = make_entropy(config.latent_size, 2, n_qualities=N_QUALITIES, first_step=2.0, ratio=0.75, weights=0.1)
    return TrainedModel(network, config, TINY, LossConfig(), floor, {}, coder)


@pytest.fixture(scope="module")
def model():
    return make_codec()


@pytest.fixture(scope="module")
def encoder(model):
    return Encoder(model, EncodingConfig(rounds=0))


def record(path, n_samples, sr=8_000, seed=0):
    """The path of a recording of speech of a kind."""
    sf.write(path, make_speech(n_samples, sr, seed), sr)
    return path


def there_and_back(path, encoder, **how):
    """(codec.Encoded, the .sae, the .wav) of a recording, next to it."""
    encoded = codec.encode_recording(path, encoder, path.with_suffix(".sae"), **how)
    output = path.with_name("back.wav")
    codec.decode_recording(path.with_suffix(".sae"), encoder.model, output, QUICK)
    return encoded, path.with_suffix(".sae"), output


def latents_in(path, model):
    """The latents (n, C) in a .sae file."""
    return np.concatenate(list(codec._latents(path, model, codec.LatentCoder(model.entropy))))


# ---- lengths


def test_decoded_has_the_rate_and_length_of_what_was_encoded(encoder, tmp_path):
    rng = np.random.default_rng(0)
    rates = (4_000, 8_000, 11_025, 16_000, 22_050)
    lengths = {1, 2, 63, 64, 65, 255, 256, 257}
    for number in range(200):
        sr = rates[number % len(rates)]
        n_samples = [*lengths][number] if number < len(lengths) else int(10 ** rng.uniform(0, np.log10(10 * sr)))
        path = record(tmp_path / "x.wav", n_samples, sr, number)
        encoded, _, output = there_and_back(path, encoder, bitrate=0.7)
        info = sf.info(output)
        assert (info.samplerate, info.frames) == (sr, n_samples)
        assert encoded.seconds == n_samples / sr


@pytest.mark.parametrize("features", [TINY, CLASSIC, replace(TINY, sr=11_025)], ids=["tiny", "classic", "odd rate"])
def test_header_counts_the_frames_that_encoding_makes(features, tmp_path):
    """The file does not say how many latents it has: both sides must count the same."""
    rng = np.random.default_rng(1)
    for number in range(60):
        sr = int(rng.choice([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, rng.integers(4_000, 192_000)]))
        n_samples = int(rng.integers(1, 12_000))
        path = record(tmp_path / "x.wav", n_samples, sr, number)
        n_frames = sum(chunk.shape[1] for chunk in mel_spectrogram_stream(read_stream(path, features.sr), features))
        assert Header(b"1234", sr, n_samples).count_frames(features) == n_frames, (sr, n_samples)


@pytest.mark.parametrize("share", [0.97, 1.03])
def test_encode_lossy_file_of_not_quite_its_length_keeps_the_length_of_its_header(
    encoder, tmp_path, monkeypatch, share
):
    path = record(tmp_path / "x.wav", 40_000)
    kept = np.resize(read(path), round(40_000 * share))
    monkeypatch.setattr(codec, "read_stream", lambda path, sr: iter([kept[:7_000], kept[7_000:]]))
    _, _, output = there_and_back(path, encoder, quality=3)
    assert sf.info(output).frames == 40_000


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    """100 s, four blocks."""
    return record(tmp_path_factory.mktemp("long") / "long.wav", 800_000)


def test_blocks_join_to_one_latent(encoder, long_recording, tmp_path):
    """What is decoded is what was encoded, to half a step, in every block; and the last is shorter."""
    path = tmp_path / "long.sae"
    encoded = codec.encode_recording(long_recording, encoder, path, quality=4)
    header = container.read_header(path)
    assert encoded.qualities == (4,) * 4
    assert header.count_latents(TINY, 4) == 3 * BLOCK_LATENTS + 54
    found = latents_in(path, encoder.model)
    given = encode(encoder.model.network, SIZES, log_mel(read(long_recording), TINY))
    assert found.shape == given.shape
    assert np.abs(found - given).max() <= 0.5 * 2 * 0.75**4 + 1 / 256


def test_encode_and_decode_memory_does_not_grow_with_length(encoder, tmp_path, monkeypatch):
    """Smaller blocks show the same with less sound."""
    monkeypatch.setattr(audio, "_BLOCK_SAMPLES", 20_000)
    for module in (codec, container):
        monkeypatch.setattr(module, "BLOCK_LATENTS", 100)
    peaks = []
    for n_samples in (80_000, 320_000):
        path = record(tmp_path / "x.wav", n_samples)
        tracemalloc.start()
        try:
            codec.encode_recording(path, encoder, tmp_path / "x.sae", quality=0)
            for _ in codec.decode_stream(encoder.model, codec._latents(tmp_path / "x.sae", *for_reading(encoder))):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def for_reading(encoder):
    """(model, coder), what codec._latents needs."""
    return encoder.model, codec.LatentCoder(encoder.model.entropy)


# ---- sizes


@pytest.mark.parametrize("bitrate", [1.1, 1.2, 1.3])
def test_encode_takes_the_finest_step_within_the_bitrate(encoder, tmp_path, bitrate):
    path, most = record(tmp_path / "x.wav", 36_000), bitrate * 1_000 * 4.5 / 8
    encoded = codec.encode_recording(path, encoder, tmp_path / "x.sae", bitrate=bitrate)
    (quality,) = encoded.qualities
    content = (tmp_path / "x.sae").read_bytes()
    assert encoded.is_within
    assert encoded.n_bytes == len(content) <= most
    assert encoded.bitrate == pytest.approx(8 * len(content) / 4_500)
    assert 0 < quality < N_QUALITIES - 1
    codec.encode_recording(path, encoder, tmp_path / "same.sae", quality=quality)
    assert (tmp_path / "same.sae").read_bytes() == content
    assert codec.encode_recording(path, encoder, tmp_path / "finer.sae", quality=quality + 1).n_bytes > most


def test_encode_many_blocks_stay_within_the_bitrate_together(encoder, long_recording, tmp_path):
    encoded = codec.encode_recording(long_recording, encoder, tmp_path / "long.sae", bitrate=1.1)
    assert 0.8 * 1.1 < encoded.bitrate <= 1.1
    assert len(encoded.qualities) == 4
    assert encoded.is_within


@pytest.mark.parametrize("guess", [None, 0, 7, 31])
def test_finest_step_is_found_from_any_guess(guess, encoder, monkeypatch):
    sizes = np.linspace(3, 90, 32).astype(int)
    monkeypatch.setattr(codec, "_encode", lambda coder, values, before, q: (container.Block(q, bytes(sizes[q]), 1), q))
    coder = SimpleNamespace(model=SimpleNamespace(n_qualities=len(sizes)))
    for most in range(100):
        fitting = [q for q, size in enumerate(sizes) if len(container.Block(q, bytes(size), 1).to_bytes()) <= most]
        block, decoded = codec._finest(coder, None, None, most, guess)
        assert block.quality == decoded == max(fitting, default=0)


def test_encode_many_blocks_tries_few_steps_of_each(encoder, long_recording, tmp_path, monkeypatch):
    tried, one = [], codec._encode
    monkeypatch.setattr(codec, "_encode", lambda *arguments: tried.append(arguments[-1]) or one(*arguments))
    made = codec.encode_recording(long_recording, encoder, tmp_path / "a.sae", bitrate=3.0)
    assert len(tried) < 5 + 3 * (len(made.qualities) - 1)


def test_encode_too_little_bitrate_takes_the_coarsest_and_says_so(encoder, tmp_path):
    encoded = codec.encode_recording(record(tmp_path / "x.wav", 8_000), encoder, tmp_path / "x.sae", bitrate=0.05)
    assert encoded.qualities == (0,)
    assert not encoded.is_within
    assert encoded.bitrate > 0.05


def test_encode_any_bitrate_that_is_plenty_takes_the_finest(encoder, tmp_path):
    encoded = codec.encode_recording(record(tmp_path / "x.wav", 8_000), encoder, tmp_path / "x.sae", bitrate=1e6)
    assert encoded.qualities == (N_QUALITIES - 1,)


def test_encode_short_recording_costs_few_bytes_beside_its_payload(encoder, tmp_path):
    path = tmp_path / "x.sae"
    codec.encode_recording(record(tmp_path / "x.wav", 36_000), encoder, path, quality=3)
    header, (block,) = container.read_header(path), list(blocks_in(path, encoder.model))
    assert path.stat().st_size - len(block.payload) <= 21
    values = entropy.to_fixed(encode(encoder.model.network, SIZES, log_mel(read(tmp_path / "x.wav"), TINY)))
    symbols, classes, _ = entropy.quantise(entropy.Predictor(encoder.model.entropy, 3), values)
    tables = encoder.model.entropy.tables
    bits = -np.log2(tables[classes, symbols + entropy.RADIUS] / 2**entropy.TABLE_BITS).sum()
    assert header.n_samples == 36_000
    assert 8 * len(block.payload) < bits + 9


def blocks_in(path, model):
    """The blocks of a .sae file of model's."""
    return container.read_blocks(
        path,
        fingerprint=model.fingerprint,
        features=model.features,
        frames_per_latent=model.config.frames_per_latent,
        n_qualities=N_QUALITIES,
        most_latent_bytes=1_000,
    )


def test_encode_ticks_and_decode_ticks_add_up_to_the_recording(encoder, long_recording, tmp_path):
    ticks = []
    codec.encode_recording(long_recording, encoder, tmp_path / "x.sae", quality=0, tick=ticks.append)
    assert sum(ticks) == pytest.approx(100)
    short, ticks = record(tmp_path / "x.wav", 20_000), []
    codec.encode_recording(short, encoder, tmp_path / "x.sae", quality=0)
    codec.decode_recording(tmp_path / "x.sae", encoder.model, tmp_path / "y.wav", QUICK, tick=ticks.append)
    assert sum(ticks) == pytest.approx(2.5)


def test_encode_with_a_search_is_another_file(model, encoder, tmp_path):
    path = record(tmp_path / "x.wav", 8_000)
    codec.encode_recording(path, encoder, tmp_path / "x.sae", quality=9)
    codec.encode_recording(path, Encoder(model, EncodingConfig(rounds=5)), tmp_path / "y.sae", quality=9)
    assert (tmp_path / "x.sae").read_bytes() != (tmp_path / "y.sae").read_bytes()


# ---- what is refused


def refused(*words, do):
    """Nothing; do() raises an InputError of one line with these words."""
    with pytest.raises(InputError) as error:
        do()
    text = one_line_of(error)
    for word in words:
        assert word in text


def test_decode_with_another_model_is_refused_and_leaves_what_was_there(encoder, tmp_path):
    codec.encode_recording(record(tmp_path / "x.wav", 8_000), encoder, tmp_path / "x.sae", quality=0)
    (tmp_path / "y.wav").write_bytes(b"before")
    other = make_codec(seed=1)
    refused(
        "x.sae",
        "made with the model",
        "--model",
        do=lambda: codec.decode_recording(tmp_path / "x.sae", other, tmp_path / "y.wav", QUICK),
    )
    assert (tmp_path / "y.wav").read_bytes() == b"before"
    assert names_in(tmp_path) == ["x.sae", "x.wav", "y.wav"]


def test_decode_truncated_and_hostile_are_refused(encoder, tmp_path):
    path, output = tmp_path / "x.sae", tmp_path / "y.wav"
    codec.encode_recording(record(tmp_path / "x.wav", 8_000), encoder, path, quality=5)
    whole = path.read_bytes()
    body = whole[:-4]

    def decode():
        codec.decode_recording(path, encoder.model, output, QUICK)

    for size in range(0, len(body), 7):
        path.write_bytes(whole[:size])
        refused("x.sae", do=decode)
        cut = body[:size]
        path.write_bytes(cut + zlib.crc32(cut).to_bytes(4, "big"))
        refused("x.sae", do=decode)
    (payload,) = [block.payload for block in _blocks_of(whole, encoder.model, path)]
    hostile = body[: -len(payload)] + b"\xff" * len(payload)
    path.write_bytes(hostile + zlib.crc32(hostile).to_bytes(4, "big"))
    refused("x.sae cannot be decoded", "no latents", "encode it again", do=decode)
    assert not output.exists()


def _blocks_of(content, model, path):
    """The blocks of a file of this content, which path then is."""
    path.write_bytes(content)
    return list(blocks_in(path, model))


def test_model_without_entropy_model_is_refused(model, tmp_path):
    bare = replace(model, entropy=None)
    path = record(tmp_path / "x.wav", 800)
    refused(
        "--codec",
        do=lambda: codec.encode_recording(path, Encoder(bare, EncodingConfig(rounds=0)), tmp_path / "x.sae", quality=0),
    )
    refused("--codec", do=lambda: codec.decode_recording(path, bare, tmp_path / "y.wav", QUICK))


@pytest.mark.parametrize("quality", [-1, N_QUALITIES])
def test_encode_unknown_quality_is_refused(encoder, tmp_path, quality):
    path = record(tmp_path / "x.wav", 800)
    refused("0 to 9", do=lambda: codec.encode_recording(path, encoder, tmp_path / "x.sae", quality=quality))
    assert names_in(tmp_path) == ["x.wav"]


def test_encode_longer_than_a_day_is_refused(encoder, tmp_path, monkeypatch):
    path = record(tmp_path / "x.wav", 800)
    real = codec.describe
    monkeypatch.setattr(codec, "describe", lambda path: replace(real(path), n_samples=8_000 * 86_400 + 1))
    refused("x.wav", "86,400 s", do=lambda: codec.encode_recording(path, encoder, tmp_path / "x.sae", quality=0))


@pytest.mark.parametrize("how", [{}, {"bitrate": 1.0, "quality": 1}])
def test_encode_needs_one_of_bitrate_and_quality(encoder, tmp_path, how):
    with pytest.raises(ValueError, match="either"):
        codec.encode_recording(record(tmp_path / "x.wav", 800), encoder, tmp_path / "x.sae", **how)


# ---- the commands


def run(*arguments, cwd, **environment):
    """The finished process of python -m speech_autoencoder."""
    return subprocess.run(
        [sys.executable, str(OFFLINE), sys.executable, "-m", "speech_autoencoder", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=200,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a codec's model, large enough to be worth threads, one of no codec, and recordings."""
    folder = tmp_path_factory.mktemp("place")
    model = make_codec(width=128)
    model_file.save(folder / "my_model_for_many_data.h5", model)
    model_file.save(folder / "bare.h5", replace(model, entropy=None))
    (folder / "in" / "deep").mkdir(parents=True)
    record(folder / "in" / "a.wav", 60_000)
    record(folder / "in" / "deep" / "b.wav", 9_000, 16_000)
    return folder


@pytest.fixture(scope="module")
def encoded(place):
    """The finished process of `encode in/a.wav a.sae`, done in place."""
    return run("encode", "in/a.wav", "a.sae", "--bitrate", "1.1", cwd=place)


def test_encode_command_says_what_it_wrote(place, encoded):
    assert encoded.returncode == 0, encoded.stderr
    assert encoded.stderr == ""
    size, original = (place / "a.sae").stat().st_size, (place / "in" / "a.wav").stat().st_size
    (line,) = [line for line in encoded.stdout.splitlines() if line.startswith("Wrote a.sae")]
    assert f"{size:,} bytes for 7.50 s" in line
    assert f"{8 * size / 7_500:.2f} kbit/s" in line
    assert f"1/{original / size:.1f} of in/a.wav ({original:,} bytes)" in line
    assert re.search(r"quality step \d\.$", line)


def test_decode_command_is_the_same_to_the_bit_in_every_process(place, encoded):
    """However many threads the machine has to offer."""
    sounds = []
    for number, threads in enumerate(("1", "7")):
        done = run(
            "decode",
            "a.sae",
            f"back{number}.wav",
            cwd=place,
            OMP_NUM_THREADS=threads,
            OPENBLAS_NUM_THREADS=threads,
            TF_NUM_INTRAOP_THREADS=threads,
            TF_NUM_INTEROP_THREADS=threads,
        )
        assert done.returncode == 0, done.stderr
        assert f"Wrote back{number}.wav: 7.50 s at 8,000 Hz." in done.stdout
        sounds.append((place / f"back{number}.wav").read_bytes())
    assert sounds[0] == sounds[1]
    assert sf.info(place / "back0.wav").frames == 60_000


@pytest.fixture
def command(place, monkeypatch, capsys):
    """A function (*arguments) -> what a command says, run in place by this process, whose TensorFlow has started."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(cli, "start_tensorflow", lambda say, threads=None: None)

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["speech_autoencoder", *map(str, arguments)])
        commands.main()
        return capsys.readouterr().out

    return run_here


def test_commands_take_folders(command, place, tmp_path):
    said = command("encode", "in", "--output-dir", tmp_path / "small", "--quality", 2)
    assert re.search(r"Wrote 2 files to .*small: .* of the recordings \(138,088 bytes\); quality step 2\.", said)
    assert (tmp_path / "small" / "a.sae").exists()
    assert command("decode", tmp_path / "small", "--output-dir", tmp_path / "back", "--quiet") == ""
    for name in ("a.wav", "deep/b.wav"):
        there, back = sf.info(place / "in" / name), sf.info(tmp_path / "back" / name)
        assert (there.samplerate, there.frames) == (back.samplerate, back.frames)


def test_commands_without_output_write_beside(command, place, tmp_path):
    path = tmp_path / "one.two.flac"
    sf.write(path, make_speech(8_000, 8_000), 8_000)
    command("encode", path)
    command("decode", tmp_path / "one.two.sae")
    assert names_in(tmp_path) == ["one.two.flac", "one.two.sae", "one.two.wav"]


def test_encode_command_default_bitrate_is_kept(command, tmp_path):
    command("encode", "in/a.wav", tmp_path / "x.sae")
    command("encode", "in/a.wav", tmp_path / "y.sae", "--bitrate", DEFAULT_BITRATE)
    assert (tmp_path / "x.sae").read_bytes() == (tmp_path / "y.sae").read_bytes()
    assert 8 * (tmp_path / "x.sae").stat().st_size <= DEFAULT_BITRATE * 7_500


def test_encode_command_too_little_bitrate_is_said(command, tmp_path):
    said = command("encode", "in/a.wav", "--output", tmp_path / "x.sae", "--bitrate", "0.01")
    assert "1 of 1 take more than 0.01 kbit/s even at the coarsest" in said


@pytest.mark.parametrize("arguments", [["encode", "in/a.wav", "x.sae"], ["decode", "a.sae", "x.wav"]])
def test_commands_model_without_entropy_model_is_refused(command, place, encoded, arguments):
    refused(
        "bare.h5 was trained without an entropy model",
        "autoencoder_for_many_data.py --codec",
        do=lambda: command(*arguments, "--model", "bare.h5"),
    )
    assert not (place / arguments[2]).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND"]),
        (["encode"], ["IN"]),
        (["encode", "nothing.wav"], ["nothing.wav"]),
        (["encode", "in"], ["need --output-dir"]),
        (["encode", "in/a.wav", "in/deep/b.wav"], ["2 files", "need --output-dir"]),
        (["encode", "in/a.wav", "--output", "a.mp3"], ["a.mp3 does not end in .sae"]),
        (["encode", "in/a.wav", "--bitrate", "0"], ["not above zero"]),
        (["encode", "in/a.wav", "--bitrate", "1", "--quality", "1"], ["not allowed with"]),
        (["encode", "in/a.wav", "--output", "x.sae", "--output-dir", "x"], ["not allowed with"]),
        (["decode", "in/a.wav"], ["lost"]),
        (["decode", "in"], ["holds no .sae file"]),
        (["decode", "bare.h5", "x.wav"], ["bare.h5", "no .sae file"]),
    ],
)
def test_commands_refuse_at_once(place, arguments, words):
    assert_refused(run(*arguments, cwd=place, PYTHONDONTWRITEBYTECODE="1"), *words)


def test_decode_command_replaces_nothing_that_was_not_named(place, encoded, tmp_path):
    (tmp_path / "a.sae").write_bytes((place / "a.sae").read_bytes())
    (tmp_path / "a.wav").write_bytes(b"the original")
    assert_refused(run("decode", "a.sae", cwd=tmp_path), "may be the original", "--output")
    assert (tmp_path / "a.wav").read_bytes() == b"the original"


def test_commands_help_is_quick(tmp_path):
    """Neither TensorFlow nor NumPy: their imports would be listed."""
    for command in ([], ["encode"], ["decode"]):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "speech_autoencoder", *command, "--help"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0
        assert "usage: python -m speech_autoencoder" in done.stdout
        modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "speech_autoencoder.cli" in modules
        assert not modules & {"numpy", "tensorflow", "scipy", "soundfile"}


def test_predict_by_way_of_a_file(place, tmp_path):
    options = ["--model", place / "my_model_for_many_data.h5", "--no-show", "--bitrate", "1.1"]
    done = run_script("predict_for_one_data", place / "in" / "a.wav", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path) == ["reconstruct.png", "reconstruct.sae", "reconstruct.wav"]
    size = (tmp_path / "reconstruct.sae").stat().st_size
    assert f"Wrote reconstruct.sae: {size:,} bytes for 7.50 s" in done.stdout
    decoded = run(
        "decode", "reconstruct.sae", "again.wav", "--model", place / "my_model_for_many_data.h5", cwd=tmp_path
    )
    assert decoded.returncode == 0, decoded.stderr
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "reconstruct.wav").read_bytes()


def test_predict_by_way_of_a_file_needs_an_entropy_model(place, tmp_path):
    done = run_script(
        "predict_for_one_data", place / "in" / "a.wav", "--model", place / "bare.h5", "--bitrate", "3", cwd=tmp_path
    )
    assert_refused(done, "bare.h5 was trained without", "--codec")
    assert names_in(tmp_path) == []

"""The parts of the table of codecs: bytes that are counted right, sound that is aligned, a floor that is the floor."""

import json

import numpy as np
import pytest
import soundfile as sf

from benchmarks.codec import codecs, own_codec, pca_codec
from benchmarks.codec import figure as codec_figure
from benchmarks.codec.rows import Part, headings, line_of, measure, row_of
from benchmarks.codec.sound_files import cut_back, files_of, string_file
from benchmarks.codec.targets import TARGETS, verdicts
from benchmarks.quality.scoring import METRICS
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics, ogg, other_codecs
from speech_autoencoder.evaluation.other_codecs import Coded, System, earlier, from_raw, to_raw
from tests.helpers.common import make_speech, one_line_of, png_size

SR = 8_000
TOOLS = {tool.name: tool for tool in other_codecs.tools(SR)}


def page(segments, data):
    """An Ogg page with these segments, whose sizes are in the table; nobody looks at its numbers and checksum."""
    return b"OggS" + bytes(22) + bytes([len(segments), *segments]) + data


def ogg_stream(packets, most_segments):
    """The pages of packets: each in segments of 255 and a shorter one, so many segments a page."""
    segments = [part for packet in packets for part in (*[255] * (len(packet) // 255), len(packet) % 255)]
    data, stream, position = b"".join(packets), b"", 0
    for start in range(0, len(segments), most_segments):
        sizes = segments[start : start + most_segments]
        stream += page(sizes, data[position : position + sum(sizes)])
        position += sum(sizes)
    return stream


@pytest.fixture
def corpus(tmp_path):
    """A folder of two digits of two speakers and takes each, at 8 kHz, of unequal lengths."""
    (tmp_path / "corpus").mkdir()
    for seed, name in enumerate(f"{d}_{who}_{take}" for d in (0, 1) for who in ("ann", "bob") for take in (5, 6)):
        sf.write(tmp_path / "corpus" / f"{name}.wav", make_speech(6_000 + 101 * seed, SR, seed), SR)
    return tmp_path / "corpus"


# Ogg


@pytest.mark.parametrize("most_segments", [1, 2, 7, 255])
def test_packets_are_those_that_pages_were_made_of(most_segments):
    rng = np.random.default_rng(0)
    packets = [rng.bytes(n) for n in (19, 700, 0, 254, 255, 256, 510, 3)]
    assert ogg.packets(ogg_stream(packets, most_segments)) == packets


@pytest.mark.parametrize("first", [b"OpusHead" + bytes(11), b"Speex   1.2" + bytes(60)])
def test_payload_bytes_are_the_sound_alone(first):
    stream = ogg_stream([first, b"OpusTags" + bytes(900), bytes(300), bytes(20), bytes(255)], 3)
    assert ogg.payload_bytes(stream) == 300 + 20 + 255


def test_packets_of_something_else_are_refused():
    stream = ogg_stream([b"OpusHead", b"OpusTags", bytes(300)], 255)
    for damaged in (b"RIFF" + stream, stream[:-1], stream[:20], stream + b"Ogg"):
        with pytest.raises(InputError, match="encode the sound again"):
            ogg.packets(damaged)
    with pytest.raises(InputError, match="expected Opus or Speex") as error:
        ogg.payload_bytes(ogg_stream([b"\x01vorbis", b"tags"], 255))
    one_line_of(error)


# Strings as files


def test_files_of_are_strings_of_one_speaker_and_take(corpus):
    files, sr = files_of(corpus)
    assert sr == SR
    assert sorted(map(tuple, (file.names for file in files))) == [
        (f"0_{who}_{take}.wav", f"1_{who}_{take}.wav") for who in ("ann", "bob") for take in (5, 6)
    ]
    for file in files:
        originals = [sf.read(corpus / name, dtype="float32")[0] for name in file.names]
        assert np.array_equal(file.waveform, metrics.join(originals, SR))


def test_cut_back_gives_each_recording_as_it_was(corpus):
    files, _ = files_of(corpus)
    cut, names = cut_back(files, [file.waveform for file in files])
    assert sorted(names) == sorted(path.name for path in corpus.iterdir())
    for waveform, name in zip(cut, names, strict=True):
        assert np.array_equal(waveform, sf.read(corpus / name, dtype="float32")[0])


def test_raw_samples_come_back_and_are_clipped():
    waveform = string_file([make_speech(999, SR)], ["a"], SR).waveform
    assert np.array_equal(from_raw(to_raw(waveform)), waveform)
    assert from_raw(to_raw(np.array([-2.0, 2.0]))) == pytest.approx([-1, 1], abs=1e-4)


# Alignment


@pytest.mark.parametrize("delay", [-77, 0, 1, 240, 700])
def test_delay_of_a_shifted_signal_is_its_shift(delay):
    originals = [np.pad(make_speech(2 * SR + 40 * i, SR, i), 200) for i in range(3)]
    late = [np.pad(x, (max(delay, 0), 0))[max(-delay, 0) :] for x in originals]
    assert other_codecs.delay_of(originals, late, SR) == delay
    for original, shifted in zip(originals, late, strict=True):
        back = earlier(shifted, delay, len(original))
        assert len(back) == len(original)
        assert np.array_equal(back[max(-delay, 0) :], original[max(-delay, 0) :])


def test_delay_of_does_not_need_the_phase():
    """Noise as loud as speech in every band, as a codec might put it in the place of speech."""
    speech = make_speech(4 * SR, SR)
    loudness = np.convolve(np.abs(speech), np.ones(80) / 80, "same")
    noise = [np.random.default_rng(seed).standard_normal(len(speech)) * loudness for seed in range(8)]
    late = [np.pad(x, (200, 0)) for x in noise]
    assert other_codecs.delay_of([speech] * 8, late, SR) == pytest.approx(200, abs=16)


# PCA


def test_code_length_of_a_gaussian_is_its_differential_entropy():
    """H(quantised) = h - log2(step) for small steps, h = log2(2 pi e variance) / 2 (Cover and Thomas, 8.3)."""
    rng, deviations = np.random.default_rng(0), np.array([0.5, 2.0])
    training, testing = (rng.normal(size=(200_000, 2)) * deviations for _ in range(2))
    step = 0.1
    statistics = pca_codec.statistics(pca_codec.quantise(training, step))
    symbols = np.clip(pca_codec.quantise(testing, step), statistics.lowest, statistics.highest)
    expected = np.sum(0.5 * np.log2(2 * np.pi * np.e * deviations**2) - np.log2(step))
    assert statistics(symbols).mean() == pytest.approx(expected, abs=0.01)


def test_code_length_of_what_never_changes_is_nothing():
    symbols = np.array([[3, 0], [3, 1], [3, 0], [3, 1]])
    assert pca_codec.statistics(symbols)(symbols) == pytest.approx([1, 1, 1, 1])


def test_floor_keeps_its_bitrate_and_is_better_with_more_bits(corpus):
    files, _ = files_of(corpus)
    floor, references = pca_codec.fit(corpus, SR), [file.waveform for file in files]
    system, scores = pca_codec.system_of(floor, workers=2), []
    for kilobits in ("0.7", "3.2"):
        coded = system.code(kilobits, references, SR)
        assert [len(x) for x in coded.waveforms] == [len(x) for x in references]
        seconds = sum(map(len, references)) / SR
        # Each file's last block is whole, and the files are short.
        assert 8 * sum(coded.n_bytes) / seconds == pytest.approx(1_000 * float(kilobits), rel=0.1)
        scores.append(np.mean([metrics.stoi(*pair, SR) for pair in zip(references, coded.waveforms, strict=True)]))
    assert scores[0] < scores[1]


# The programs


@pytest.mark.parametrize("name", TOOLS)
def test_tool_codes_sound_that_stays_in_place(name):
    tool = TOOLS[name]
    if not tool.is_there():
        pytest.skip(f"needs {tool.package}")
    speech = [make_speech(3 * SR + 333 * seed, SR, seed) for seed in (0, 1)]
    files = [string_file([x], ["x"], SR).waveform for x in speech]
    system = other_codecs.system_of(tool, workers=2)
    bits = []
    for setting in (tool.settings[0], tool.settings[-1]):
        coded = system.code(setting, files, SR)
        assert [len(x) for x in coded.waveforms] == [len(x) for x in files]
        assert abs(other_codecs.delay_of(files, coded.waveforms, SR)) <= 40  # 5 ms
        bits.append(8 * sum(coded.n_bytes) / (sum(map(len, files)) / SR))
    assert bits[0] < bits[1]
    if name == "Codec 2":
        assert bits == pytest.approx([700, 3_200], rel=0.02)


def test_tool_of_another_rate_gives_that_rate_back():
    tool = TOOLS["Codec 2"]
    if not tool.is_there():
        pytest.skip(f"needs {tool.package}")
    coded = other_codecs.system_of(tool, workers=1).code("3200", [make_speech(32_001, 16_000)], 16_000)
    assert [len(x) for x in coded.waveforms] == [32_001]


def test_opus_of_a_rate_that_it_does_not_decode_to_gives_that_rate_back():
    tool, waveform = TOOLS["Opus"], make_speech(8_000, 4_000)
    if not tool.is_there():
        pytest.skip(f"needs {tool.package}")
    coded = other_codecs.system_of(tool, workers=1).code("12", [waveform], 4_000)
    assert np.corrcoef(waveform, coded.waveforms[0])[0, 1] > 0.9


def test_tools_of_what_is_missing_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(other_codecs.shutil, "which", lambda program: None if program.startswith("opus") else program)
    assert [tool.name for tool in codecs.tools_of([*codecs.SYSTEMS], 16_000)] == ["Codec 2", "Speex"]
    said = capsys.readouterr().out
    assert "apt install opus-tools" in said
    assert said.count("8 kHz only") == 2


# Ours


def test_own_codec_counts_the_bytes_of_whole_files(monkeypatch, tmp_path):
    said = []

    def run(verb, *arguments):
        """Nothing; a codec that keeps every second byte of a file, and decodes to silence of another length."""
        said.append((verb, arguments[-4:]))
        sources, folder = arguments[: arguments.index("--output-dir")], arguments[arguments.index("--output-dir") + 1]
        folder.mkdir()
        for path in sources:
            if verb == "encode":
                (folder / f"{path.stem}.sae").write_bytes(path.read_bytes()[::2])
            else:
                sf.write(folder / f"{path.stem}.wav", np.zeros(100), SR)

    monkeypatch.setattr(own_codec, "_run", run)
    system = own_codec.system_of(tmp_path / "model.h5", [0.8, 6.0])
    assert list(system.settings) == ["0.8", "6"]
    coded = system.code("0.8", [np.zeros(1_000), np.zeros(50)], SR)
    assert [len(x) for x in coded.waveforms] == [1_000, 50]
    assert coded.n_bytes == [(44 + 2_000) / 2, (44 + 100) / 2]
    assert said[0] == ("encode", ("--model", (tmp_path / "model.h5").resolve(), "--bitrate", "0.8"))


# Rows, targets, figure


def test_measure_of_a_perfect_codec_is_perfect(corpus):
    files, _ = files_of(corpus)
    system = System("ours", ["1"], lambda setting, waveforms, sr: Coded(waveforms, [100.0] * len(waveforms)))
    part = measure(system, "1", files, SR, recogniser=None, workers=2)
    assert part.values["stoi"] == pytest.approx(np.ones(len(files)), abs=1e-6)
    row = row_of("ours", "1", [part])
    assert row["bits_per_second"] == pytest.approx(8 * 400 / (sum(len(file.waveform) for file in files) / SR))
    low, high = row["bits_per_second_interval_95"]
    assert low < row["bits_per_second"] < high
    shown = [*METRICS, "pesq_wb"]
    assert line_of(row, shown).count("|") == headings(shown).splitlines()[0].count("|")
    assert line_of(row, ["digits", "stoi"]).endswith("| - | 1.000 ± 0.000 |")


def test_row_parts_weigh_the_same():
    parts = [
        Part({"stoi": np.full(n, score)}, np.full(n, bits), np.ones(n))
        for n, score, bits in ((9, 0.5, 100), (1, 1, 300))
    ]
    row = row_of("ours", "1", parts)
    assert (row["scores"]["stoi"], row["bits_per_second"]) == (pytest.approx(0.75), pytest.approx(200))


def make_row(system, setting, rate, scores):
    """A row with these scores in the order of METRICS."""
    scores = dict(zip(METRICS, scores, strict=True)) | {"pesq_wb": None}
    intervals = {key: None if score is None else [0.99 * score, 1.01 * score] for key, score in scores.items()}
    return {
        "system": system,
        "setting": setting,
        "bits_per_second": rate,
        "scores": scores,
        "intervals_95": intervals,
    }


def test_verdicts_tell_what_is_met():
    least = TARGETS["0.8"][0]
    good = make_row("ours", "0.8", 799, least)
    worse = make_row("Codec 2", "700C", 705, [score - 0.01 for score in least])
    (line,) = verdicts([good, worse])
    assert line.count(" met") == 4
    assert "NOT" not in line
    assert "700C (705 bit/s) is beaten on all of digits" in line
    (line,) = verdicts([make_row("ours", "0.8", 801, [0.9, None, 0.75, 2.4]), worse])
    assert "MORE THAN THAT" in line
    assert "digits 0.900 of 0.93 NOT met" in line
    assert "NOT beaten on digits" in line
    assert verdicts([worse]) == []


def test_draw_makes_a_figure(tmp_path):
    rows = [make_row("ours", f"{k}", 1_000 * k, [0.9, 0.8, 0.7, 2.0 + k / 10]) for k in (1, 2, 3)]
    rows += [make_row("Codec 2", "700C", 700, [None, 0.7, 0.6, 1.9])]
    codec_figure.draw(tmp_path / "out.png", rows, title="codecs", originals=0.99)
    width, height = png_size(tmp_path / "out.png")
    assert width > 1_000
    assert height > 800


def test_main_leaves_speakers_out_in_turn(monkeypatch, tmp_path, capsys):
    for seed, name in enumerate(f"word_{who}_{take}" for who in ("ann", "bob") for take in (5, 6)):
        (tmp_path / "sound").mkdir(exist_ok=True)
        sf.write(tmp_path / "sound" / f"{name}.wav", make_speech(SR, SR, seed), SR)
    monkeypatch.setattr(pca_codec, "KILOBITS", ("2",))
    arguments = (
        "--systems pca --training-dir sound --testing-dir sound --leave-out all --output out.json --figure f.png"
    )
    monkeypatch.setattr("sys.argv", ["codecs", *arguments.split()])
    monkeypatch.chdir(tmp_path)
    codecs.main()
    (row,) = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert (row["system"], row["n_files"], row["scores"]["digits"]) == ("PCA floor", 4, None)
    assert row["bits_per_second"] > 100
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == line_of(row, ["stoi", "estoi", "pesq_nb"])
    assert (tmp_path / "f.png").exists()


def test_parse_a_model_and_a_speaker_left_out_do_not_go_together():
    with pytest.raises(InputError, match="leave it out") as error:
        codecs.parse(["--model", "model.h5", "--leave-out", "all"])
    one_line_of(error)

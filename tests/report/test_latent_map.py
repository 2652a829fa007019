"""The map of recordings: what its points look like, and their sounds, which are small and there for all."""

import numpy as np
import pytest
import soundfile as sf

from speech_autoencoder.evaluation.results import RecordingResult
from speech_autoencoder.report import latent_map
from speech_autoencoder.report.latent_map import Sounds, make_map, write_sounds
from tests.helpers.arrays import array_of
from tests.helpers.common import make_speech

NO_SOUNDS = Sounds({}, None)


def recording(path="a.wav", speaker="", label="", position=(0.5, 0.5), duration_s=1.0):
    """Return a recording with what the map shows of it."""
    return RecordingResult(path, speaker, duration_s, None, {}, label, position and list(position))


def test_make_map_places_points_with_the_second_axis_upwards():
    corners = [recording(position=xy) for xy in ((0, 0), (1, 1), (0, 1))]
    low, high, left = make_map(corners, NO_SOUNDS).points
    assert low.x == left.x < high.x
    assert low.y > high.y == left.y
    assert 0 < high.y < low.y < latent_map.SIZE


def test_make_map_leaves_out_what_has_no_position():
    found = make_map([recording(position=None), recording("b.wav")], Sounds({1: "sound/map-2.mp3"}, None))
    assert [(point.title, point.sound) for point in found.points] == [("b.wav", "sound/map-2.mp3")]
    assert make_map([recording(position=None)], NO_SOUNDS) is None


def test_make_map_classes_are_in_their_order_with_the_unknown_one_last():
    words = ["10", "", "9", "yes", "10", "a2", "a10"]
    found = make_map([recording(label=word) for word in words], NO_SOUNDS)
    assert list(found.kinds) == ["word"]
    names = [entry.name for entry in found.kinds["word"]]
    assert names == ["9", "10", "a2", "a10", "yes", ""]
    assert [names[point.classes["word"]] for point in found.points] == words


def test_make_map_56_classes_look_different():
    found = make_map([recording(speaker=f"s{i}") for i in range(56)], NO_SOUNDS)
    looks = {(entry.colour, entry.shape) for entry in found.kinds["speaker"]}
    assert len(looks) == 56
    first = found.kinds["speaker"][:7]
    assert len({entry.colour for entry in first}) == len({entry.shape for entry in first}) == 7


@pytest.mark.parametrize("sr", [8_000, 11_025, 9_600, 44_100, 6_000])
def test_write_sounds_of_any_rate_are_as_long_and_played_by_browsers(tmp_path, sr):
    sound = make_speech(sr // 2, sr)
    data = array_of({"a.wav": (sound, sr)}, tmp_path)
    written = write_sounds(tmp_path, [recording(duration_s=0.5)], data, workers=1)
    assert written.cut_s is None
    path = tmp_path / written.files[0].split("/")[1]
    info = sf.info(path)
    assert info.format == "MP3"
    assert info.samplerate == {9_600: 8_000, 44_100: 12_000, 6_000: 8_000}.get(sr, sr)
    assert info.duration == pytest.approx(0.5, abs=0.001)
    assert latent_map.is_sound_name(path.name)


def test_write_sounds_are_those_of_the_recordings(tmp_path):
    tones = {f"{hz}.wav": (np.sin(2 * np.pi * hz / 8_000 * np.arange(6_000)), 8_000) for hz in (440, 1_000, 2_000)}
    data = array_of(tones, tmp_path)
    entries = [recording(name, duration_s=0.75) for name in data.names]
    written = write_sounds(tmp_path, entries, data, workers=2)
    for i, name in enumerate(data.names):
        sound, sr = sf.read(tmp_path / written.files[i].split("/")[1])
        loudest = np.abs(np.fft.rfft(sound)).argmax() * sr / len(sound)
        assert loudest == pytest.approx(int(name.split(".")[0]), abs=5)


def test_write_sounds_leave_out_what_is_gone(tmp_path):
    data = array_of({name: (make_speech(4_000, 8_000), 8_000) for name in ("a.wav", "b.wav")}, tmp_path)
    (tmp_path / "audio" / "a.wav").unlink()
    entries = [recording("a.wav", duration_s=0.5), recording("b.wav", duration_s=0.5)]
    assert list(write_sounds(tmp_path, entries, data, workers=1).files) == [1]


def test_write_sounds_fit_into_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(latent_map, "_SOUND_BYTES", 8_000)  # two seconds
    sounds = {f"{i}.wav": (make_speech(n, 8_000, seed=i), 8_000) for i, n in enumerate([2_000, 12_000, 16_000])}
    data = array_of(sounds, tmp_path)
    entries = [recording(name, duration_s=n / 8_000) for name, n in zip(data.names, data.n_samples, strict=True)]
    written = write_sounds(tmp_path, entries, data, workers=1)
    assert written.cut_s == pytest.approx((2 - 0.25) / 2)
    paths = [tmp_path / file.split("/")[1] for file in written.files.values()]
    assert [sf.info(path).duration for path in paths] == pytest.approx([0.25, 0.875, 0.875], abs=0.001)
    assert sum(path.stat().st_size for path in paths) < 9_000


@pytest.mark.parametrize("name", ["map-1.wav", "map-x.mp3", "../map-1.mp3", "my song.mp3", "1-map-1.mp3"])
def test_is_sound_name_refuses_other_files(name):
    assert not latent_map.is_sound_name(name)

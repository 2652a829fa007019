"""The command export: what it writes, where, and what it refuses."""

import re
import sys

import pytest

from speech_autoencoder import __main__ as commands
from speech_autoencoder.cli.origins import is_onnx
from speech_autoencoder.training.saving import save
from tests.helpers.common import contents_of, names_in, refused
from tests.helpers.tiny_codec import make_codec

onnx = pytest.importorskip("onnx")
NAMES = [f"my_model_for_many_data_{name}.onnx" for name in ("decoder", "dequantiser", "encoder", "quantiser")]


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    """Return a function (*arguments) -> what is printed, in a folder with a codec's model."""
    save(tmp_path / "my_model_for_many_data.h5", make_codec())
    monkeypatch.chdir(tmp_path)

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["speech_autoencoder", "export", *map(str, arguments)])
        commands.main()
        return capsys.readouterr().out

    return run_here


def test_export_writes_all_files_beside_each_other(export, tmp_path):
    said = export()
    assert names_in(tmp_path) == ["my_model_for_many_data.h5", *NAMES]
    assert re.search(r"Wrote my_model_for_many_data_encoder\.onnx \(\d+\.\d MB\)", said)
    assert "opset 13" in said
    for name in NAMES:
        onnx.checker.check_model(str(tmp_path / name), full_check=True)


def test_export_twice_gives_the_same_bytes(export, tmp_path):
    export()
    before = {name: content for name, (content, _) in contents_of(tmp_path).items()}
    export()
    assert {name: content for name, (content, _) in contents_of(tmp_path).items()} == before


@pytest.mark.parametrize(
    ("output", "name"),
    [("a", "a"), ("a.onnx", "a"), ("sub/a", "sub/a"), (".", "my_model_for_many_data")],
)
def test_export_output_says_what_names_begin_with(export, tmp_path, output, name):
    export("--output", output)
    assert (tmp_path / f"{name}_encoder.onnx").exists()


def test_export_pretrained_has_its_name(export, tmp_path):
    export("--model", "pretrained", "--quiet")
    assert (tmp_path / "pretrained_decoder.onnx").exists()
    assert not (tmp_path / "pretrained_quantiser.onnx").exists()


def test_export_other_file_of_that_name_stays(export, tmp_path):
    path = tmp_path / NAMES[0]
    path.write_bytes(b"\x08\x07\x12\x07pytorch")
    refused(NAMES[0], "not made by this program", "--overwrite", do=export)
    assert path.read_bytes() == b"\x08\x07\x12\x07pytorch"
    assert not (tmp_path / NAMES[2]).exists()
    export("--overwrite")
    assert is_onnx(path)


def test_export_without_a_model_says_what_to_run(export):
    refused("x.h5 is missing: run ", "--model pretrained", do=lambda: export("--model", "x.h5"))


def test_export_without_onnx_says_how_to_install_it(export, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("speech_autoencoder.export.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused("onnx is not installed", "[export]", do=export)

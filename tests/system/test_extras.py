"""What is missing is named with the command that installs it, here and for a package from a wheel."""

import pytest

from speech_autoencoder.system import extras


@pytest.mark.parametrize(
    ("library", "command"),
    [
        ("numpy", "pip install -r requirements.txt"),
        ("tensorflow", "pip install -r requirements.txt"),
        ("av", "pip install '.[formats]'"),
    ],
)
def test_install_command_in_a_checkout_names_its_file_or_the_extra(library, command):
    assert extras.install_command(library) == command


@pytest.mark.parametrize(
    ("library", "command"),
    [
        ("numpy", "pip install speech-autoencoder"),
        ("tensorflow", "pip install 'speech-autoencoder[train]'"),
        ("av", "pip install 'speech-autoencoder[formats]'"),
    ],
)
def test_install_command_from_a_wheel_names_the_package(library, command, monkeypatch, tmp_path):
    monkeypatch.setattr(extras, "__file__", str(tmp_path / "site-packages" / "speech_autoencoder" / "system" / "x.py"))
    assert extras.install_command(library) == command

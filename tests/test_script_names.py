"""The scripts' names stand in one module of the package."""

from speech_autoencoder import script_names
from tests.helpers.common import ROOT, SCRIPTS

NAMES = {value for key, value in vars(script_names).items() if key.isupper()}


def test_script_names_are_those_of_the_scripts():
    assert sorted(NAMES) == sorted(f"{script}.py" for script in SCRIPTS)


def test_script_names_stand_nowhere_else_in_the_package():
    package = ROOT / "speech_autoencoder"
    for path in [*package.rglob("*.py"), *package.rglob("templates/*")]:
        if path != package / "script_names.py":
            text = path.read_text(encoding="utf-8")
            assert not [name for name in NAMES if name in text], path

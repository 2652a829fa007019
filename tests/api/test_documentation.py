"""docs/api.md is what the docstrings say, and the README's example in Python works."""

import re

import pytest

import speech_autoencoder as sa
from tests.helpers.common import ROOT
from tools import api_docs

README = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_api_page_is_up_to_date():
    assert api_docs.PAGE.read_text(encoding="utf-8") == api_docs.page(), "run python -m tools.api_docs"


def test_api_page_describes_all_that_the_package_offers():
    text = api_docs.page()
    assert sorted(name for names in api_docs.SECTIONS.values() for name in names) == sorted(sa.__all__)
    methods = [name for name, value in vars(sa.Model).items() if callable(value) and not name.startswith("_")]
    for name in (*sa.__all__, *(f"Model.{name}" for name in methods)):
        assert re.search(rf"^###+ `{re.escape(name)}`$", text, re.MULTILINE), name


@pytest.mark.skipif(not README, reason="the README has no example in Python")
@pytest.mark.parametrize("code", README)
def test_readme_example_runs(code, tmp_path, monkeypatch):
    (tmp_path / "speechdata").symlink_to(ROOT / "speechdata")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})

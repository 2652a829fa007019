"""How the page is filled in: templates that escape all text, and a policy that lets the page do nothing else.

The page is opened from disk and shows names of files, which may hold anything. Its Content-Security-Policy names its
own style and script by their hashes, so that a browser runs no other and connects to nothing.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from speech_autoencoder.system.wording import counted

_TEMPLATES = Path(__file__).with_name("templates")
# The line by which our pages are recognised.
MARK = '<meta name="generator" content="speech-autoencoder report">'


def fill_in(**values: Any) -> str:
    """Return the page: the template `report.html`, with these values, its style and its script."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"options": mark_options, "counted": counted, "number": format_number, "value": data_value}
    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8").strip() for name in ("report.css", "report.js"))
    return environment.get_template("report.html").render(
        mark=Markup(MARK),
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        **values,
    )


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page with this style and script."""
    rules = [
        "default-src 'none'",
        f"script-src {hash_source(script)}",
        f"style-src {hash_source(style)}",
        "img-src data:",
        "media-src 'self' file:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def hash_source(text: str) -> str:
    """Return the source expression by which a Content-Security-Policy allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def format_number(value: float | None, format_spec: str) -> str:
    """Return a number as the page shows it, an en dash for None."""
    return "\N{EN DASH}" if value is None else format(value, format_spec)


def data_value(value: float | None) -> str | float:
    """Return a number by which the script sorts, "" for None."""
    return "" if value is None else value


def mark_options(text: str) -> Markup:
    """Return the escaped text with options such as --minutes as code, which is not broken over lines."""
    return Markup(
        re.sub(
            r"(?<!\S)\(?(--[a-z-]+)", lambda found: found[0].replace(found[1], f"<code>{found[1]}</code>"), escape(text)
        )
    )

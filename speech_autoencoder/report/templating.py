"""How pages are filled in: templates that escape all text, and a policy that lets the page do nothing else.

Pages are opened from disk and show names of files, which may hold anything. Their Content-Security-Policy names their
own style and script by their hashes, so that a browser runs no other and connects to nothing.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from speech_autoencoder.script_names import PROGRAM
from speech_autoencoder.system.wording import counted

TEMPLATES = Path(__file__).with_name("templates")


def mark(kind: str) -> Markup:
    """Return the line by which pages of a kind, such as "report", are recognised."""
    return Markup(f'<meta name="generator" content="{PROGRAM} {kind}">')


def read_parts(*paths: Path) -> str:
    """Return the parts of a style or of a script as one."""
    return "\n".join(path.read_text(encoding="utf-8").strip() for path in paths)


def fill_in(path: Path, *, style: str, script: str, rules: Mapping[str, str], **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    path
        Its template; those that it includes are beside it.
    style, script
        All of its style and of its code.
    rules
        What its Content-Security-Policy allows beyond these, by directive.
    values
        What the template names.
    """
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"options": mark_options, "counted": counted, "number": format_number, "value": data_value}
    return environment.get_template(path.name).render(
        policy=_policy(style, script, rules), style=Markup(style), script=Markup(script), **values
    )


def _policy(style: str, script: str, rules: Mapping[str, str]) -> str:
    """Return the Content-Security-Policy of a page with this style and script."""
    all_rules = {
        "default-src": "'none'",
        "script-src": hash_source(script),
        "style-src": hash_source(style),
        "img-src": "data:",
        **rules,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{directive} {sources}" for directive, sources in all_rules.items())


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

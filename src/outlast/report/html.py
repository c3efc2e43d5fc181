"""A report as one page of HTML that needs no network: style, script and data are in it, and its policy lets nothing else be loaded.

Hosts, messages and keys come from strangers. They are cleaned in the model, escaped here, and the policy of the page names the
hashes of the two scripts that are ours: another one is not run, whatever stands in the page.
"""

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from outlast.report.model import Report
from outlast.report.view import FILTERS, view

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["page", "split_page"]

# What would end a script within HTML, or is a line's end in JavaScript alone.
_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def page(report: Report) -> str:
    """The report as one page."""
    css, uplot, js = _css(), _part("vendor/uPlot.iife.min.js"), _part("page/report.js")
    policy = _policy(style=_hash(css), script=f"{_hash(uplot)} {_hash(js)}")
    ours = {"css": css, "uplot": uplot, "js": js, "split": None}
    return _rendered(report, policy=policy, **ours)


def split_page(report: Report, name: str) -> dict[str, str]:
    """The report in files, the page of them called `name`: style and script stand beside it, for servers that refuse them within."""
    stem = name.rpartition(".")[0] or name
    names = {"css": f"{stem}.css", "js": f"{stem}.js"}
    policy = _policy(style="'self'", script="'self'")
    return {
        name: _rendered(report, policy=policy, split=names),
        names["css"]: _css(),
        names["js"]: f"{_part('vendor/uPlot.iife.min.js')}\n{_part('page/report.js')}",
    }


def _rendered(report: Report, **parts: Any) -> str:
    shown = view(report)
    data = json.dumps(shown.pop("pictures"), separators=(",", ":"), allow_nan=False).translate(_IN_SCRIPT)
    return _template().render(**shown, **parts, pictures=data)


@cache
def _template() -> "Template":
    from jinja2 import DictLoader, Environment, StrictUndefined  # noqa: PLC0415 - loaded when a page is made

    name = "report.html.j2"
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=DictLoader({name: _part(f"page/{name}")}),
        trim_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment.get_template(name)


def _policy(*, style: str, script: str) -> str:
    return f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _css() -> str:
    return f"{_part('vendor/uPlot.min.css')}\n{_part('page/report.css')}"


@cache
def _part(name: str) -> str:
    # One text for the page and for its hash: browsers read \r\n as \n.
    return files("outlast.report").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")

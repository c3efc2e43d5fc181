"""Real pages that nobody here wrote: the pydoc documentation of Python's own standard library, to be crawled.

`build_pages(directory)` writes one HTML page per importable module and an `index.html` from which all of them can be reached.
pydoc's own links are kept as they are: some lead to pages that do not exist, to files or to the web. Which pages there are
depends on the Python alone. Command line: `python -m outlast.testing.stdlib_pages DIRECTORY`.
"""

import html
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

__all__ = ["Rendering", "build_pages", "load_pages", "render_pages"]

WORKERS_MAX = 8
RENDER_SECONDS_MAX = 120.0
INDEX = "index.html"

_RENDERER = Path(__file__).with_name("stdlib_render.py")
_LINK = re.compile(r'href="([^"#]+)')


@dataclass(frozen=True, slots=True)
class Rendering:
    """The page of each module by its name, `index` among them, and the modules that have none because they failed."""

    pages: Mapping[str, Path]
    failed: tuple[str, ...]


def build_pages(directory: Path) -> dict[str, Path]:
    """Write the pages to `directory`, made where it is missing; some 10 s of two cores. The files by module name, and `index`.

    The index is written last: where there is one, the pages are complete.
    """
    return dict(render_pages(directory, sys.stdlib_module_names).pages)


def render_pages(directory: Path, modules: Iterable[str]) -> Rendering:
    """Write the pages of these top-level modules, of all below them, and the index."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / INDEX).unlink(missing_ok=True)
    names = sorted(modules)
    count = min(os.cpu_count() or 1, WORKERS_MAX, len(names))
    # Dealt out like cards: the long ones stand together in the alphabet.
    shares = [names[start::count] for start in range(count)]
    render = partial(_render, _run_renderer, directory)
    with ThreadPoolExecutor(WORKERS_MAX) as workers:
        failed = sorted(name for names in workers.map(render, shares) for name in names)
    pages = {page.stem: page for page in sorted(directory.glob("*.html"))}
    pages["index"] = directory / INDEX
    links = {name: _links(page) for name, page in pages.items() if name != "index"}
    pages["index"].write_text(_index(sorted(links), _entrances(links)), encoding="utf-8")
    return Rendering(pages, tuple(failed))


def load_pages(directory: Path) -> dict[str, tuple[str, bytes]]:
    """The pages of a built directory as a site serves them, by path; `/` is the index, and so is `/index.html`."""
    pages = {
        f"/{page.name}": ("text/html; charset=utf-8", page.read_bytes()) for page in sorted(directory.glob("*.html"))
    }
    return {"/": pages[f"/{INDEX}"], **pages}


def _render(run: Callable[[Path, Sequence[str]], list[str] | None], directory: Path, names: Sequence[str]) -> list[str]:
    """Render, and find out which one it was when a module takes the whole process down."""
    failed = run(directory, names)
    if failed is not None:
        return failed
    if len(names) == 1:
        return list(names)
    return [name for single in names for name in _render(run, directory, [single])]


def _run_renderer(
    directory: Path, names: Sequence[str], script: Path = _RENDERER, *, seconds_max: float = RENDER_SECONDS_MAX
) -> list[str] | None:
    """The modules that failed; None when the process did not come to its end."""
    command = [sys.executable, "-P", "-s", "-S", "-W", "ignore", str(script), str(directory.absolute()), *names]
    try:
        # pydoc shows `os.environ`: what is private stays out. Sets are shown in the order of their hashes.
        done = subprocess.run(  # noqa: S603 - our own file, no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": os.defpath, "PYTHONHASHSEED": "0"},
            cwd=directory,
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return list(json.loads(done.stdout)) if done.returncode == 0 else None


def _links(page: Path) -> frozenset[str]:
    """The names of the pages that this one links to, whether they exist or not."""
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    return frozenset(target.removesuffix(".html") for target in targets if target.endswith(".html"))


def _entrances(links: Mapping[str, frozenset[str]]) -> list[str]:
    """Pages from which all others can be reached: the top-level modules, and those that nothing reached links to."""
    entrances = [name for name in sorted(links) if "." not in name]
    reached = _reachable(links, entrances)
    for name in sorted(links):
        if name not in reached:
            entrances.append(name)
            reached |= _reachable(links, [name])
    return entrances


def _reachable(links: Mapping[str, frozenset[str]], starts: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name in links and name not in reached:
            reached.add(name)
            waiting.extend(links[name])
    return reached


def _index(names: Sequence[str], entrances: Sequence[str]) -> str:
    version = html.escape(platform.python_version())
    items = "\n".join(f'<li><a href="{html.escape(name)}.html">{html.escape(name)}</a></li>' for name in entrances)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Python {version}: library</title></head>\n'
        f"<body>\n<h1>The standard library of Python {version}</h1>\n"
        f"<p>{len(names)} modules.</p>\n<ul>\n{items}\n</ul>\n</body>\n</html>\n"
    )


def _main(arguments: Sequence[str], modules: Iterable[str] = sys.stdlib_module_names) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m outlast.testing.stdlib_pages DIRECTORY\n")
        return 2
    began = time.monotonic()
    rendering = render_pages(Path(arguments[0]), modules)
    took = time.monotonic() - began
    sys.stdout.write(
        f"{len(rendering.pages)} pages in {took:.1f} s; {len(rendering.failed)} modules cannot be imported here\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))

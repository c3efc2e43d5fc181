"""Where in the user's own code did it happen?"""

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, TracebackType

from outlast.failure.facts import chain

__all__ = ["user_frame"]

_OURS = str(Path(__file__).parents[1]) + "/"
_STDLIB = tuple({str(Path(sysconfig.get_paths()[name])) + "/" for name in ("stdlib", "platstdlib")})
_INSTALLED = ("/site-packages/", "/dist-packages/")
# Before Python 3.12 a comprehension has a frame of its own; the function around it is what counts.
_WITHIN = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


def user_frame(error: BaseException) -> str | None:
    """`file.py:function` of the innermost frame of the user's code, of the first link of the chain that has any.

    No line number: an edit above the line must not make another failure of it.
    """
    for link in chain(error):
        found = None
        for code in _codes(link.__traceback__):
            if _is_users(code):
                found = f"{code.co_filename.rpartition('/')[2]}:{code.co_name}"
        if found is not None:
            return found
    return None


def _codes(trace: TracebackType | None) -> Iterator[CodeType]:
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next


def _is_users(code: CodeType) -> bool:
    name = code.co_filename
    if name == "<string>" and code.co_name.startswith("__"):
        return False  # what `dataclass` has generated
    if code.co_name in _WITHIN or name.startswith(("<frozen ", _OURS, *_STDLIB)):
        return False
    return not any(part in name for part in _INSTALLED)

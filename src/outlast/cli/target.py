"""The function to run, from `file.py:function` or `package.module:function`."""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from outlast.cli.exits import TargetImportError
from outlast.errors import TargetError
from outlast.jobs import Job

__all__ = ["Target", "file_of", "load_target", "target_of"]

NAMES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Target:
    """Where a function is. `file` is None for a module that is found like any import."""

    text: str
    file: Path | None
    module: str
    function: str


def target_of(text: str, base: Path) -> Target:
    """Read a target; a relative file is one below `base`. Raises `TargetError` when it is not written as one."""
    place, colon, function = text.rpartition(":")
    if not colon or not function.isidentifier():
        example = f"{text}:FUNCTION" if text.endswith(".py") else "scrape.py:scrape"
        raise TargetError(f"the target {text!r} names no function: write file.py:function, such as {example}")
    if not place.endswith(".py"):
        return Target(text, None, place, function)
    file = base / place
    if not file.is_file():
        raise TargetError(f"there is no file {place!r} in {base}{_neighbours(file)}")
    return Target(text, file.absolute(), file.stem, function)


def load_target(target: Target, directory: Path) -> Job[Any, Any]:
    """Import the function; a plain one becomes a job named like its file. `directory` goes on the path for a module.

    Raises `TargetError` when there is no such function, `TargetImportError` when importing it raised an error.
    """
    sys.path.insert(0, str(target.file.parent if target.file else directory))
    module = _imported(target)
    found = getattr(module, target.function, None)
    if found is None:
        raise TargetError(
            f"{target.file or target.module} has no function {target.function!r}{_offered(module, target)}"
        )
    if isinstance(found, Job):
        return found
    if not callable(found) or isinstance(found, type):
        kind = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
        raise TargetError(f"{target.text} is {kind}, not a function{_offered(module, target)}")
    return Job(found, target.module.rpartition(".")[2], {})


def file_of(target: Target) -> Path | None:
    """Where the code of a target is that was loaded; None: it is in no file."""
    file = target.file or getattr(sys.modules.get(target.module), "__file__", None)
    return None if file is None else Path(file)


def _imported(target: Target) -> ModuleType:
    try:
        return importlib.import_module(target.module) if target.file is None else _executed(target, target.file)
    except ModuleNotFoundError as error:
        # Only where the target itself is what is missing; what it imports in vain is its own error.
        if target.file is None and error.name and f"{target.module}.".startswith(f"{error.name}."):
            raise TargetError(f"there is no module {error.name!r} here or among the installed ones") from error
        raise _import_error(target, error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _import_error(target, error) from error


def _executed(target: Target, file: Path) -> ModuleType:
    # A file may be called like an installed module; it must not take that module's place.
    name = target.module if target.module not in sys.modules else f"outlast_target_{target.module}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_error(target: Target, error: BaseException) -> TargetImportError:
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return TargetImportError(f"{target.file or target.module} cannot be imported: {told}")


def _offered(module: ModuleType, target: Target) -> str:
    names = [name for name, value in vars(module).items() if _is_own_function(value, module)]
    if not names:
        return ": it has no functions"
    near = get_close_matches(target.function, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    more = ", ..." if len(names) > NAMES_SHOWN_MAX else ""
    return f" (there are: {', '.join(names[:NAMES_SHOWN_MAX])}{more}){hint}"


def _is_own_function(value: Any, module: ModuleType) -> bool:
    function = value.handler if isinstance(value, Job) else value
    return (
        callable(function)
        and not isinstance(function, type)
        and getattr(function, "__module__", None) == module.__name__
        and not getattr(function, "__name__", "_").startswith("_")
    )


def _neighbours(file: Path) -> str:
    near = get_close_matches(file.name, [each.name for each in file.parent.glob("*.py")], 1)
    return f"; did you mean {near[0]!r}?" if near else ""

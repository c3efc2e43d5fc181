"""How the code must look, as tests: sizes, names, words, and where foreign libraries may stand."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "outlast"
# Generated, and the published text: neither is ours to shape.
NOT_OURS = {"_version.py", "contracts.py"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in NOT_OURS)

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 45

BANNED_IN_NAMES = {"Manager", "Handler", "Helper", "Util", "Utils", "Base", "Impl", "Data", "Info", "V2"}
PUBLISHED_NAMES = {"AbortManager", "CheckpointManager", "FailureHandler", "RetryManager"}
# Modules that promise the contract are called as it calls them.
PUBLISHED_STEMS = {"handler", "manager"}
PROMISES = re.compile(
    r"\b(todo|fixme|xxx|hack|placeholder|dummy|for now|not implemented|NotImplementedError|in a real implementation)\b",
    re.I,
)
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\b|_)|[A-Z]?[a-z]+|\d+")

# Where a foreign library may be imported, in one place or several; None: in a single module, whichever it is.
FOREIGN = {
    "aiohttp": None,
    "apprise": None,
    "apsw": ("ledger", "testing"),
    "click": "cli",
    "cryptography": None,
    "hypothesis": "testing",
    "isal": None,
    "jinja2": None,
    "orjson": None,
    "playwright": "integrations",
    "ormsgpack": None,
    "psutil": None,
    "opentelemetry": None,
    "prometheus_client": None,
    "pyarrow": None,
    "pydantic": "config",
    "pytest": "testing",
    "rich": "cli",
    "typing_extensions": "",
}


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path):
    return str(path.relative_to(PACKAGE))


each_module = pytest.mark.parametrize("path", MODULES, ids=named)


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_after_docstring(node):
    return node.body[1:] if ast.get_docstring(node) else node.body


def exported(tree):
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(getattr(target, "id", "") == "__all__" for target in targets):
            return ast.literal_eval(node.value)
    return None


@cache
def foreign_imports(path):
    found = set()
    for node in ast.walk(parsed(path)):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        found |= {name.partition(".")[0] for name in names}
    return found - sys.stdlib_module_names - {"outlast"}


@each_module
def test_a_file_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES_MAX


@each_module
def test_a_function_is_short(path):
    long = [each.name for each in functions(parsed(path)) if each.end_lineno - each.lineno >= FUNCTION_LINES_MAX]
    assert not long


@each_module
def test_a_module_says_what_it_is_for_and_what_it_offers(path):
    tree = parsed(path)
    assert ast.get_docstring(tree)
    offered = exported(tree)
    assert offered is not None or not body_after_docstring(tree), "no __all__"
    assert len(offered or ()) == len(set(offered or ()))


@each_module
def test_a_public_name_of_a_module_is_in_its_all(path):
    tree = parsed(path)
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    }
    assert public <= set(exported(tree) or ())


@each_module
def test_a_name_says_what_a_thing_is(path):
    classes = {node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)} - PUBLISHED_NAMES
    words = {name: set(WORD.findall(name)) for name in classes}
    words |= {
        name: {word.capitalize() for word in name.split("_")}
        for name in (path.stem,)
        if path.stem not in PUBLISHED_STEMS
    }
    assert not {name for name, parts in words.items() if parts & BANNED_IN_NAMES}


@each_module
def test_nothing_is_promised_that_is_not_there(path):
    assert not [line for line in path.read_text(encoding="utf-8").splitlines() if PROMISES.search(line)]


@each_module
def test_no_body_is_empty(path):
    tree = parsed(path)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Pass)]
    ports = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(each) for each in node.bases)
    ]
    signatures = {each for port in ports for each in functions(port)}
    signatures |= {
        each for each in functions(tree) if any("overload" in ast.unparse(one) for one in each.decorator_list)
    }
    empty = [
        each.name
        for each in functions(tree)
        if each not in signatures and [ast.unparse(step) for step in body_after_docstring(each)] == ["..."]
    ]
    assert not empty


@each_module
def test_catching_everything_has_a_reason(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.ExceptHandler) or any(isinstance(each, ast.Raise) for each in ast.walk(node)):
            continue
        caught = ast.unparse(node.type) if node.type else "BaseException"
        if re.search(r"\b(Base)?Exception\b", caught):
            assert re.search(r"# noqa: BLE001 - \w+", lines[node.lineno - 1]), f"line {node.lineno}"


@each_module
def test_a_foreign_library_is_imported_where_it_belongs(path):
    for library in foreign_imports(path):
        assert library in FOREIGN, f"{library} has no place in the house yet"
        place = FOREIGN[library]
        places = (place,) if isinstance(place, str) else place or ("",)
        assert any(named(path).startswith(each and f"{each}/") for each in places), f"{library} belongs to {places}"


@pytest.mark.parametrize("library", [name for name, place in FOREIGN.items() if place is None])
def test_one_module_alone_speaks_to_a_library(library):
    assert len([path for path in MODULES if library in foreign_imports(path)]) <= 1


def test_no_interface_name_outside_the_contract():
    classes = [
        (path, node.name) for path in MODULES for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)
    ]
    assert not [(path, name) for path, name in classes if re.match(r"I[A-Z]", name)]


def test_no_module_imports_from_a_floor_above_its_own():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

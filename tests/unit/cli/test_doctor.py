"""What the doctor says of what was found; the finding itself is in tests/integration/test_doctor.py."""

import base64
import errno
import os
import subprocess
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from outlast.browser import Found
from outlast.cli.doctor import browsers, burying, installed, machine, storing
from outlast.cli.doctor.check import Check, State
from outlast.cli.doctor.mounts import kind_in
from outlast.cli.doctor.sealing import key_check
from outlast.cli.doctor.words import document, lines, verdict
from outlast.runtime import SystemClock
from outlast.testing import VirtualClock

NOW = datetime(2026, 11, 28, tzinfo=UTC)
KEY = base64.b64encode(bytes(range(32))).decode()
STORE = storing.StoreFacts(
    path=".outlast",
    tried_in="/srv",
    exists=False,
    free=10**11,
    inodes_free=10**6,
    kind="ext4",
    sync_seconds=0.004,
    clock_skew=0.01,
)
MOUNTS = [
    "21 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
    "30 21 0:40 / /srv/shared\\040data rw - nfs4 server:/data rw",
    "31 21 0:41 / /run rw shared:1 - tmpfs tmpfs rw",
    "32 31 0:42 / /run rw - overlay overlay rw",
    "a line that is none",
]


def of_store(**changes):
    return {each.name: each for each in storing.store_checks(replace(STORE, **changes))}


def test_a_good_store_is_good():
    checks = of_store()
    assert [(each.name, each.state) for each in checks.values()] == [("store", "ok"), ("disk", "ok"), ("sync", "ok")]
    assert checks["store"].says == ".outlast on ext4, to be made in /srv"
    assert checks["disk"].says == "93.1 GiB free"
    assert checks["sync"].says == "a write is on the disk after 4.0 ms"


@pytest.mark.parametrize(
    ("changes", "name", "state", "says"),
    [
        ({"problem": "Permission denied"}, "store", "bad", "Permission denied"),
        ({"kind": "nfs4"}, "store", "bad", "not safe over a network"),
        ({"kind": "fuse.sshfs"}, "store", "bad", "not safe over a network"),
        ({"kind": "fuse.fuse-overlayfs"}, "store", "warn", "gone with the container"),
        ({"kind": "tmpfs"}, "store", "warn", "gone when the machine restarts"),
        ({"kind": "overlay"}, "store", "warn", "gone with the container"),
        ({"kind": None}, "store", "ok", "on unknown"),
        ({"free": 50 * 2**20}, "disk", "bad", "50.0 MiB free: too little"),
        ({"free": 500 * 2**20}, "disk", "warn", "500.0 MiB free: little"),
        ({"inodes_free": 12}, "disk", "warn", "only 12 more files"),
        ({"inodes_free": None}, "disk", "ok", "free"),
        ({"free": None}, "disk", "ok", "unknown"),
        ({"sync_seconds": 0.4}, "sync", "warn", "400.0 ms: every group of results waits"),
        ({"clock_skew": -90.0}, "sync", "warn", "90 s behind"),
        ({"clock_skew": 90.0}, "sync", "warn", "90 s ahead"),
    ],
)
def test_a_bad_store_is_called_so(changes, name, state, says):
    check = of_store(**changes)[name]
    assert (check.state, says in check.says) == (state, True), check
    assert (check.state is State.OK) == (not check.do)


def test_a_store_without_room_needs_room():
    told = of_store(problem=os.strerror(errno.ENOSPC), free=0)["store"].do
    assert told == ("make room, or another --store",)
    assert "that you may write" in of_store(problem="Permission denied")["store"].do[0]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/shop", "ext4"), ("/srv/shared data/shop", "nfs4"), ("/srv/shared", "ext4"), ("/run/x", "overlay")],
)
def test_the_nearest_mount_covers_a_path_and_the_later_one_hides_the_earlier(path, kind, tmp_path):
    assert kind_in(MOUNTS, type(tmp_path)(path)) == kind
    assert kind_in(["nonsense"], tmp_path) is None


async def test_what_is_tried_leaves_nothing_behind(tmp_path):
    facts = await storing.tried(tmp_path / "deep" / "store", SystemClock())
    assert (facts.tried_in, facts.exists, facts.problem) == (str(tmp_path), False, None)
    assert facts.sync_seconds > 0
    assert list(tmp_path.iterdir()) == []


async def test_a_place_where_nothing_can_be_written_says_so(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    facts = await storing.tried(file, SystemClock())
    assert facts.problem == "Not a directory"


async def test_a_directory_that_may_not_be_looked_into_is_no_place_for_a_store(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    # Root may look into everything; as nobody it meets what others meet.
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    before = os.geteuid()
    os.seteuid(nobody)
    try:
        facts = await storing.tried(closed / "store", SystemClock())
    finally:
        os.seteuid(before)
    assert (facts.problem, facts.exists) == ("Permission denied", False)


async def test_locks_that_lock_nothing_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(storing.fcntl, "flock", lambda file, operation: None)
    assert "locks lock nothing" in (await storing.tried(tmp_path, SystemClock())).problem


def test_an_sqlite_that_loses_commits_is_bad():
    assert installed.sqlite_check("3.51.2", "3.51.2.0").state is State.BAD
    assert installed.sqlite_check("3.51.3", "3.51.3.0").state is State.OK
    assert installed.sqlite_check("3.100.0", "3.100.0.0").state is State.OK
    assert installed.sqlite_check().facts["wal_safe"] is True


def test_python_is_named():
    assert installed.python_check().facts["version"] in installed.python_check().says


def test_a_missing_extra_is_told_with_its_command():
    found = {"http": {"aiohttp": "3.14"}, "otel": {"opentelemetry-api": None}, "test": {"a": "1", "b": None}}
    check = installed.extras_check(found)
    assert (check.state, check.says) == ("ok", "http installed; otel, test not")
    assert check.do[0].startswith("pip install 'outlast[otel,test]'")
    assert installed.extras_check({"http": {"aiohttp": "3"}}).do == ()
    assert installed.extras_check({"http": {"aiohttp": None}}).says == "none installed; http not"


def test_the_extras_are_those_of_the_package():
    assert installed.extras()["http"].keys() == {"aiohttp"}
    assert installed._version("no-such-package-here") is None


def test_memory_is_told_by_the_limit_that_applies():
    ample = {"memory_limit_mb": 2048.0, "memory_limit_source": "cgroup", "memory_available": 1024.0}
    assert machine.memory_check(ample).says == "1.0 GiB left of 2.0 GiB (the limit of the cgroup)"
    short = machine.memory_check(ample | {"memory_available": 100.0})
    assert (short.state, short.facts["source"]) == ("warn", "cgroup")
    assert machine.memory_check({"memory_available": 1024.0}).says == "1.0 GiB left"
    assert machine.memory_check({}).state is State.WARN


def test_a_low_limit_of_open_files_is_a_warning():
    assert machine.files_check((256, 4096)).do == ("ulimit -n 4096",)
    assert machine.files_check((1024, 4096)).state is State.OK
    assert machine.files_check((-1, -1)).says == "no limit"
    assert machine.files_check().facts["soft"] != 0


def test_little_shared_memory_is_a_warning():
    assert machine.shm_check(64 * 2**20).do == ("docker run --shm-size=1g ...",)
    assert machine.shm_check(2**30).state is State.OK
    assert machine.shm_check(None).state is State.OK


def test_a_clock_that_stands_before_the_installation_is_bad():
    stamp = NOW.timestamp()
    assert machine.clock_check(NOW, {}, stamp + 1).state is State.BAD
    assert machine.clock_check(NOW, {}, stamp - 1).state is State.OK


@pytest.mark.parametrize(
    ("zone", "state"),
    [
        ("Europe/Berlin", "ok"),
        (":Europe/Berlin", "ok"),
        ("", "ok"),
        ("UTC", "ok"),
        ("CET-1CEST", "ok"),
        ("Europe/Atlantis", "warn"),
        ("../etc/passwd", "warn"),
    ],
)
def test_a_time_zone_that_nobody_knows_is_a_warning(zone, state):
    assert machine.clock_check(NOW, {"TZ": zone}, 0).state == state


@pytest.mark.parametrize(
    ("environ", "wanted", "state", "says"),
    [
        ({}, False, "ok", "none, and encryption is off"),
        ({}, True, "bad", "no job can begin"),
        ({"OUTLAST_ENCRYPTION_KEY": KEY}, True, "ok", "OUTLAST_ENCRYPTION_KEY holds 1 key"),
        ({"OUTLAST_ENCRYPTION_KEY": f"{KEY},{KEY[::-1].strip('=')}"}, True, "ok", "holds 2 keys"),
        ({"OUTLAST_ENCRYPTION_KEY": KEY}, False, "ok", "encryption is off"),
        ({"OUTLAST_ENCRYPTION_KEY": "short"}, False, "bad", "OUTLAST_ENCRYPTION_KEY, key 1"),
        ({"OUTLAST_ENCRYPTION_KEY_FILE": "/nowhere"}, True, "bad", "cannot be read"),
    ],
)
def test_a_key_is_there_or_not_and_never_shown(environ, wanted, state, says):
    check = key_check(environ, wanted=wanted)
    assert (check.state, says in check.says) == (state, True), check
    assert KEY not in str(check)
    assert "short" not in str(check)


def test_a_file_of_keys_that_others_read_is_a_warning(tmp_path):
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(0o600)
    environ = {"OUTLAST_ENCRYPTION_KEY_FILE": str(file)}
    assert key_check(environ, wanted=True).state is State.OK
    file.chmod(0o640)
    assert key_check(environ, wanted=True).do == (f"chmod 600 {file}",)


@pytest.mark.parametrize(
    ("found", "state", "says", "do"),
    [
        (burying.Burial(container=False), "ok", "not known here", ()),
        (burying.Burial(container=True, adopter="tini", buried=True), "ok", "tini buries", ()),
        (
            burying.Burial(container=True, adopter="python", buried=False),
            "warn",
            "python leaves",
            ("docker run --init ...",),
        ),
    ],
)
def test_a_first_process_that_does_not_bury_is_a_warning(found, state, says, do):
    check = burying.burial_check(found)
    assert (check.state, says in check.says, check.do) == (state, True, do)


def test_on_a_machine_an_init_is_proposed():
    assert "tini" in burying.burial_check(burying.Burial(container=False, adopter="sh", buried=False)).do[0]


async def test_without_proc_nobody_is_left_behind(tmp_path):
    assert (await burying.bury_one(SystemClock(), proc=tmp_path, root=tmp_path)).buried is None


async def test_without_a_shell_nobody_is_left_behind():
    found = await burying.bury_one(SystemClock(), shell="/nowhere/sh")
    assert (found.buried, bool(found.adopter)) == (None, True)
    assert (await burying.bury_one(SystemClock(), shell="/bin/false")).buried is None


@pytest.mark.parametrize(("state", "buried"), [("Z", False), ("S", None)])
async def test_the_dead_stay_where_nobody_buries_them(tmp_path, state, buried):
    shell = tmp_path / "sh"
    shell.write_text("#!/bin/sh\necho 77\n")
    shell.chmod(0o755)
    for pid, name in (("1", "entry"), ("77", "sleep")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "comm").write_text(f"{name}\n")
    (tmp_path / "77" / "stat").write_text(f"77 (sl) eep) {state} 1 1 1 0 -1")
    found = await burying.bury_one(VirtualClock(), proc=tmp_path, root=tmp_path, shell=str(shell))
    assert (found.adopter, found.buried) == ("entry", buried)


FOUND = Found("/opt/chromium", "chromium", "configuration")


def script(tmp_path, body):
    file = tmp_path / "chromium"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return Found(str(file), "chromium", "configuration")


def test_a_browser_that_starts_is_good():
    check = browsers.browser_check("chromium", FOUND, browsers.Trial(version="Chromium 156"))
    assert (check.state, check.says) == (
        "ok",
        "Chromium 156, /opt/chromium (as configured); it starts and shows a page",
    )
    assert check.facts["launches"] is True


def test_a_library_that_is_missing_is_named_with_what_brings_it(tmp_path):
    said = "error while loading shared libraries: libnss3.so: cannot open shared object file: No such file"
    trial = browsers.tried_out(script(tmp_path, f"echo {said} >&2; echo noise; exit 127"))
    assert trial.problem == f"exit code 127: {said}"
    check = browsers.browser_check("chromium", FOUND, trial)
    assert (check.state, check.do) == ("bad", ("python -m playwright install-deps chromium",))


def test_a_browser_that_shows_no_page_is_bad(tmp_path):
    trial = browsers.tried_out(script(tmp_path, '[ "$1" = --version ] && echo Chromium 1 || echo "<html></html>"'))
    assert trial == browsers.Trial(version="Chromium 1", problem="exit code 0: <html></html>")
    assert "start it by hand" in browsers.browser_check("chromium", FOUND, trial).do[0]


def test_a_browser_that_hangs_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(browsers, "LAUNCH_SECONDS", 0.3)
    found = script(tmp_path, '[ "$1" = --version ] && echo Chromium 1 && exit\nsleep 61.25 & sleep 61.25')
    assert "no page within 0.3 s" in browsers.tried_out(found).problem
    assert subprocess.run(["pgrep", "-f", "sleep 61.25"], capture_output=True).returncode == 1


def test_what_is_no_program_is_bad(tmp_path):
    file = tmp_path / "chromium"
    file.write_text("not a program")
    file.chmod(0o755)
    trial = browsers.tried_out(Found(str(file), "chromium", "configuration"))
    assert trial.version is None
    assert trial.problem == "exit code 126: Exec format error"


def test_an_engine_that_playwright_alone_steers_is_asked_for_its_version(tmp_path):
    found = replace(script(tmp_path, "echo Firefox 159"), kind="firefox")
    assert browsers.tried_out(found) == browsers.Trial(version="Firefox 159")


def test_a_browser_that_nobody_asked_for_may_be_missing(monkeypatch):
    monkeypatch.setenv("OUTLAST_CHROMIUM", "/nowhere")
    [check] = browsers.browser_checks("webkit")
    assert check.state is State.WARN
    assert check.says.startswith("no webkit was found; looked at: /")
    assert check.do == ("To install it: python -m playwright install --with-deps webkit",)
    assert browsers.browser_checks("chromium", "/nowhere")[0].state is State.BAD
    assert browsers.browser_checks("chromium")[0].state is State.BAD
    assert browsers.browser_checks("opera")[0].state is State.BAD


@pytest.mark.parametrize(
    ("version", "says"),
    [(None, "a browser is there, and nothing to steer it with"), ("1.63.1", "1.63.1 is too old"), ("1.64.0", None)],
)
def test_a_browser_without_a_playwright_that_can_steer_it_is_a_warning(monkeypatch, tmp_path, version, says):
    def installed(package):
        if version is None:
            raise PackageNotFoundError(package)
        return version

    monkeypatch.setattr(browsers, "version", installed)
    checks = browsers.browser_checks("chromium", script(tmp_path, "echo Chromium 1").path)[1:]
    assert [(each.state, each.do) for each in checks] == [("warn", ("pip install 'outlast[browser]'",))] * bool(says)
    assert all(each.says.startswith(says) for each in checks)


def test_the_playwright_that_is_asked_for_is_the_one_that_the_extra_brings():
    least = ".".join(map(str, browsers.PLAYWRIGHT_MIN))
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["project"]["optional-dependencies"]["browser"] == [f"playwright>={least}"]


CHECKS = [
    Check(name="python", state=State.OK, says="3.11"),
    Check(name="store", state=State.WARN, says="on tmpfs", do=("elsewhere",), facts={"kind": "tmpfs"}),
    Check(name="browser", state=State.BAD, says="does not\x1b[31m start\nat all"),
]


def test_each_check_is_a_line_and_what_to_do_another():
    assert lines(CHECKS) == [
        "ok    python   3.11",
        "warn  store    on tmpfs",
        "      -> elsewhere",
        "bad   browser  does not\\x1b[31m start\\nat all",
    ]


def test_the_verdict_counts():
    assert verdict(CHECKS) == "NOT FIT: 1 of 3 checks bad, 1 warning."
    assert verdict(CHECKS[:2]) == "FIT: nothing is bad, 1 warning."
    assert verdict(CHECKS[:1]) == "FIT: nothing is bad, 0 warnings."


def test_a_program_gets_the_facts():
    told = document(CHECKS[:2])
    assert told["fit"] is True
    assert told["checks"][1] == {
        "name": "store",
        "state": "warn",
        "says": "on tmpfs",
        "do": ["elsewhere"],
        "facts": {"kind": "tmpfs"},
    }
    assert document(CHECKS)["fit"] is False

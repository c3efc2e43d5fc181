"""A shell that outlives us: when this process is gone, however it went, it ends the browser that is left over.

A frozen browser does not notice that nobody is there any more. The shell waits at a pipe that closes when we die; it takes
less than 2 MiB.
"""

import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from outlast.browser.processes import PROC, Process

__all__ = ["Reaper"]

SHELL = "/bin/sh"
WAIT_SECONDS = 5.0

# A process is told by the tick at which it started. Where the first of a group is gone, the group's number is still the group's.
SCRIPT = r"""
trap '' HUP INT TERM
started() { read -r line < "/proc/$1/stat" || return 1; set -- ${line##*) }; shift 19; echo "$1"; }
processes=''
while read -r what value; do
  case "$what" in
    none) processes=''; set -- ;;
    process) processes="$processes $value" ;;
    directory) set -- "$@" "$value" ;;
    quit) exit 0 ;;
  esac
done
sleep 1
for each in $processes; do
  found=$(started "${each%:*}" 2>/dev/null)
  if [ -z "$found" ] || [ "$found" = "${each#*:}" ]; then
    kill -9 "-${each%:*}" 2>/dev/null || [ -z "$found" ] || kill -9 "${each%:*}" 2>/dev/null
  fi
done
[ $# -eq 0 ] || sleep 1
for each in "$@"; do
  case "$each" in */playwright*) rm -rf -- "$each" ;; esac
done
"""


class Reaper:
    """The shell, which is started with the first browser."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None

    def guard(self, processes: Iterable[Process], directories: Iterable[str]) -> None:
        """End these and no others once we are gone. Nothing is guarded where there is no /proc or no shell."""
        lines = ["none"]
        lines += [f"process {each.pid}:{each.started}" for each in processes]
        lines += [f"directory {each}" for each in directories if "\n" not in each]
        if self._shell is None and len(lines) > 1 and (PROC / "self/stat").exists() and Path(SHELL).exists():
            self._shell = _shell()
        self._tell("\n".join(lines))

    def close(self) -> None:
        """Nothing is left to guard."""
        shell = self._shell
        if shell is None:
            return
        self._tell("quit")
        self._shell = None
        if shell.stdin is not None:
            with suppress(OSError):
                shell.stdin.close()
        try:
            shell.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            shell.kill()
            shell.wait()

    def _tell(self, text: str) -> None:
        shell = self._shell
        if shell is not None and shell.stdin is not None:
            with suppress(OSError):  # it was killed: the registry and the next start still know
                shell.stdin.write(text.encode() + b"\n")
                shell.stdin.flush()


def _shell() -> "subprocess.Popen[bytes]":
    # In a session of its own, so that a Ctrl-C at the terminal is not for it; holding no directory and none of our streams.
    return subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
        [SHELL, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )

"""Telling somebody: by whatever apprise reaches, by a web address, by a program. That it failed is reported, never raised."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.abort.masking import masked_url, without
from outlast.abort.secrets import resolved
from outlast.errors import AbortExecutionError, ConfigurationError
from outlast.logs.text import Mask, masking
from outlast.secrecy import secret_names

if TYPE_CHECKING:
    from outlast.config.notify import NotifyConfiguration

__all__ = ["Delivery", "Notice", "Notifier"]

SUCCESSES = frozenset({"completed"})
PROBLEM_MAX = 300
ANSWER_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told. `occasion` is how a run ended, or what befell it; `data` is JSON-able, and goes to the web address and the program."""

    occasion: str
    job_id: str
    summary: str
    at: datetime
    details: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def masked(self, mask: Mask) -> "Notice":
        """The notice without its secrets."""
        return replace(self, summary=mask(self.summary), details=mask(self.details), data=mask(self.data))

    def to_dict(self) -> dict[str, Any]:
        return {
            "occasion": self.occasion,
            "job_id": self.job_id,
            "summary": self.summary,
            "details": self.details,
            "timestamp": self.at.isoformat(),
            "data": dict(self.data),
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of telling one of them; `target` is its address without its secrets, `problem` None when it was told."""

    target: str
    ok: bool
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"target": self.target, "ok": self.ok, "problem": self.problem}


class Notifier:
    """Tells those of a configuration, all at once, each within its time, and nobody what belongs to a name in `redact`, or to a usual one."""

    def __init__(
        self,
        config: "NotifyConfiguration",
        *,
        environ: Mapping[str, str] | None = None,
        redact: Iterable[str] = (),
    ) -> None:
        self._config = config
        self._mask = masking(secret_names(*redact))
        self._environ = os.environ if environ is None else environ

    def __bool__(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._config.urls or self._config.webhook or self._config.command)

    def check(self) -> None:
        """Raise `ConfigurationError` when what is to be told somebody could not be: a variable or a file is missing, or apprise."""
        config = self._config
        webhook = () if config.webhook is None else (config.webhook,)
        for key, texts in (("urls", config.urls), ("webhook", webhook), ("command", config.command)):
            for text in texts:
                try:
                    resolved(text, self._environ)
                except AbortExecutionError as error:
                    raise ConfigurationError(
                        f"notify.{key}: {error.message}", context={"key": f"notify.{key}"}
                    ) from error
        if config.urls and find_spec("apprise") is None:
            raise ConfigurationError(
                "[notify] needs apprise: pip install 'outlast[notify]'", context={"missing": "apprise"}
            )

    def wants(self, occasion: str) -> bool:
        """Whether somebody is to be told of such an occasion: by its name, or as one of those that are no success."""
        on = self._config.on
        return bool(self) and (
            occasion in on or ("failed" in on and occasion not in SUCCESSES | {"stopped", "stalled"})
        )

    async def notify(self, notice: Notice) -> tuple[Delivery, ...]:
        """Tell everybody, whatever the occasion. A cancellation gets through; nothing else is raised."""
        config, notice = self._config, notice.masked(self._mask)
        tasks = []
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(self._told(url, notice, _by_apprise)) for url in config.urls]
            if config.webhook is not None:
                tasks.append(group.create_task(self._told(config.webhook, notice, _by_webhook)))
            if config.command:
                tasks.append(group.create_task(self._commanded(notice)))
        return tuple(task.result() for task in tasks)

    async def _told(self, written: str, notice: Notice, tell: Callable[..., Any]) -> Delivery:
        try:
            url = resolved(written, self._environ)
        except AbortExecutionError as error:
            return Delivery(masked_url(written), ok=False, problem=error.message)
        deadline = asyncio.timeout(self._config.timeout)
        try:
            async with deadline:
                await tell(url, notice, self._config.timeout)
        except Exception as error:  # noqa: BLE001 - who cannot be told must not break what is told of
            is_late = deadline.expired()
            problem = f"no answer within {self._config.timeout:g} s" if is_late else without(_said(error), (url,))
            return Delivery(masked_url(url), ok=False, problem=problem[:PROBLEM_MAX])
        return Delivery(masked_url(url), ok=True)

    async def _commanded(self, notice: Notice) -> Delivery:
        target = f"command {Path(self._config.command[0]).name}"
        secrets: list[str] = []
        try:
            for each in self._config.command:
                secrets += [value] if (value := resolved(each, self._environ)) != each else []
            arguments = [_filled(resolved(each, self._environ), notice) for each in self._config.command]
            await _run(arguments, _document(notice), self._config.timeout)
        except OSError as error:
            return Delivery(target, ok=False, problem=f"cannot be started: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - who cannot be told must not break what is told of
            return Delivery(target, ok=False, problem=_hidden(_said(error), secrets))
        return Delivery(target, ok=True)


async def _by_apprise(url: str, notice: Notice, _: float) -> None:
    try:
        import apprise  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise AbortExecutionError("apprise is not installed: pip install 'outlast[notify]'") from error
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise AbortExecutionError("this is no address that apprise knows")
    sender = apprise.Apprise()
    sender.add(service)
    if not await sender.async_notify(title=notice.summary[:250], body=notice.details or notice.summary):
        raise AbortExecutionError("the service did not take it")


async def _by_webhook(url: str, notice: Notice, timeout: float) -> None:  # noqa: ASYNC109 - of the sockets
    status = await asyncio.to_thread(_posted, url, _document(notice), timeout)
    if not 200 <= status < 300:
        raise AbortExecutionError(f"it answered {status}")


def _posted(url: str, body: bytes, timeout: float) -> int:
    from urllib.error import HTTPError  # noqa: PLC0415 - slow to load, seldom used
    from urllib.request import HTTPRedirectHandler, Request, build_opener  # noqa: PLC0415

    class Staying(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:  # type: ignore[explicit-override]
            """What is led elsewhere would arrive there without the notice."""

    if not url.lower().startswith(("http://", "https://")):
        raise AbortExecutionError("a webhook must be an http or https address")
    request = Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked above
    try:
        with build_opener(Staying).open(request, timeout=timeout) as answer:
            answer.read(ANSWER_MAX)
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


async def _run(arguments: list[str], given: bytes, timeout: float) -> None:  # noqa: ASYNC109 - of the program
    # Words go to a file: a pipe would be waited for until everything has let go of it that the program may have left running.
    with tempfile.TemporaryFile() as words:
        # Begun without giving way: asyncio, cancelled while it begins one, ends the program alone and not what that has started.
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - said above; the user's own program
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words, start_new_session=True
        )
        try:
            await asyncio.to_thread(process.communicate, given, timeout)
        except subprocess.TimeoutExpired as error:
            raise AbortExecutionError(f"not done within {timeout:g} s, and killed") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            words.seek(0)
            said = words.read(PROBLEM_MAX).decode("utf-8", "replace").strip()
            raise AbortExecutionError(f"exit code {process.returncode}{': ' if said else ''}{said}")


def _document(notice: Notice) -> bytes:
    # What is no JSON is told as text: a notice with a gap is better than none.
    return json.dumps(notice.to_dict(), default=str).encode()


def _filled(argument: str, notice: Notice) -> str:
    # Not str.format: a brace that means something else stays as it is.
    for name, value in (("summary", notice.summary), ("job", notice.job_id), ("occasion", notice.occasion)):
        # What a site has said may hold what no argument can: a null, half a character.
        fit = value.replace("\0", "").encode(errors="replace").decode()
        argument = argument.replace(f"{{{name}}}", fit)
    return argument


def _said(error: Exception) -> str:
    return error.message if isinstance(error, AbortExecutionError) else f"{type(error).__name__}: {error}"


def _hidden(text: str, secrets: list[str]) -> str:
    for each in secrets:
        text = text.replace(each, "***")
    return text[:PROBLEM_MAX]

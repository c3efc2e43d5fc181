"""Telling somebody: real web servers, real programs, and what is shown of secrets."""

import asyncio
import http.server
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from datetime import UTC, datetime

import pytest

from outlast.abort import Notice, Notifier
from outlast.abort.masking import masked_url, without
from outlast.config import JobConfiguration, NotifyConfiguration
from outlast.errors import ConfigurationError
from outlast.jobs import Run
from outlast.testing import wait_until

NOTICE = Notice(
    occasion="aborted", job_id="shop", summary="shop was aborted: 26 of 30 failed", at=datetime(2026, 1, 1, tzinfo=UTC)
)


@pytest.fixture
def server():
    """A web server on the loopback: what it was sent is in `got`, and it answers with `status`, after `delay`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            running.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            time.sleep(running.delay)
            self.send_response(running.status)
            if running.status == 302:
                self.send_header("Location", "/login")
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.got, running.status, running.delay = [], 200, 0.0
    running.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


async def told(environ=None, **settings):
    return await Notifier(NotifyConfiguration(**settings), environ=environ or {}).notify(NOTICE)


@pytest.mark.real_time
async def test_a_web_address_gets_the_notice_as_json(server):
    [delivery] = await told(webhook=f"{server.url}/hook")
    assert (delivery.ok, delivery.problem) == (True, None)
    [(path, kind, body)] = server.got
    assert (path, kind) == ("/hook", "application/json")
    assert body["summary"] == NOTICE.summary
    assert set(body) == {"occasion", "job_id", "summary", "details", "timestamp", "data"}


@pytest.mark.real_time
async def test_an_address_that_refuses_is_reported_without_its_secret(server):
    server.status = 503
    [delivery] = await told({"TOKEN": "s3cr3t-token"}, webhook=server.url + "/hook/${TOKEN}")
    assert server.got[0][0] == "/hook/s3cr3t-token"
    assert delivery.problem == "it answered 503"
    assert "s3cr3t" not in str(delivery)


@pytest.mark.real_time
async def test_an_address_that_leads_elsewhere_has_not_taken_it(server):
    server.status = 302
    [delivery] = await told(webhook=server.url)
    assert delivery.problem == "it answered 302"


@pytest.mark.real_time
async def test_nobody_there_is_reported(server):
    [delivery] = await told(webhook="http://127.0.0.1:9/hook/s3cr3t")
    assert not delivery.ok
    assert "s3cr3t" not in str(delivery)


@pytest.mark.real_time
async def test_who_does_not_answer_in_time_is_given_up(server):
    server.delay = 0.6
    [delivery] = await told(webhook=server.url, timeout=0.2)
    assert not delivery.ok


@pytest.mark.real_time
async def test_an_error_that_quotes_the_address_is_shown_without_its_secrets():
    [delivery] = await told(webhook="http://127.0.0.1:9/s3cr3t token")
    assert "control characters" in delivery.problem
    assert "s3cr3t" not in delivery.problem


async def test_other_schemes_are_no_web_address():
    [delivery] = await told(webhook="ftp://127.0.0.1/x")
    assert delivery.problem == "a webhook must be an http or https address"


@pytest.mark.real_time
async def test_a_secret_can_be_in_a_file(server, tmp_path):
    (tmp_path / "hook").write_text(f"{server.url}/from-file\n")
    [delivery] = await told(webhook=f"file:{tmp_path}/hook")
    assert delivery.ok
    assert server.got[0][0] == "/from-file"
    [delivery] = await told(webhook=f"file:{tmp_path}/absent")
    assert delivery.problem == "absent cannot be read: FileNotFoundError"


async def test_a_variable_that_is_not_set_is_named():
    [delivery] = await told(webhook="https://hooks.example/${TOKEN}")
    assert (delivery.target, delivery.problem) == ("https://hooks.example/***", "TOKEN is not set in the environment")


@pytest.mark.real_time
async def test_a_program_gets_the_notice_in_its_arguments_and_as_json(tmp_path):
    out = tmp_path / "out"
    code = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]) + sys.stdin.read())"
    argv = [sys.executable, "-c", code, str(out), "{summary}; $(reboot)", "{job}/{occasion}", "{other}"]
    [delivery] = await told(command=argv)
    assert delivery.ok, delivery
    said = out.read_text()
    assert said.startswith("['shop was aborted: 26 of 30 failed; $(reboot)', 'shop/aborted', '{other}']")
    assert json.loads(said.partition("]")[2])["job_id"] == "shop"


@pytest.mark.real_time
async def test_a_program_that_fails_is_reported_with_its_words_and_without_secrets():
    code = "import sys; sys.stderr.write('no way ' + sys.argv[1] * 100000); sys.exit(3)"
    [delivery] = await told({"KEY": "s3cr3t"}, command=[sys.executable, "-c", code, "${KEY}"])
    assert delivery.problem.startswith("exit code 3: no way ***")
    assert "s3cr3t" not in str(delivery)
    assert len(delivery.problem) <= 400


@pytest.mark.real_time
async def test_a_notice_that_is_no_clean_text_or_json_gets_through_and_breaks_nothing(server, tmp_path):
    heard = tmp_path / "heard"
    program = "import sys; print(sys.argv[2], sys.stdin.read(), sep='; ', file=open(sys.argv[1], 'w'))"
    command = [sys.executable, "-c", program, str(heard), "{summary}"]
    notifier = Notifier(NotifyConfiguration(webhook=server.url, command=command), environ={})
    at = datetime(2026, 1, 1, tzinfo=UTC)
    deliveries = await notifier.notify(
        Notice(occasion="aborted", job_id="shop", summary="bad \ud800 x\0", at=at, data={"at": at})
    )
    assert [each.problem for each in deliveries] == [None, None]
    summary, document = heard.read_text().split("; ")
    assert summary == "bad ? x"
    assert json.loads(document)["data"] == server.got[0][2]["data"] == {"at": str(at)}


class Speechless:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.real_time
async def test_whatever_the_data_are_they_are_told(server):
    data = {("a", 1): 2, "odd": Speechless(), "number": float("nan")}
    data["itself"] = data
    notifier = Notifier(NotifyConfiguration(webhook=server.url, command=[sys.executable, "-V"]), environ={})
    deliveries = await notifier.notify(
        Notice(occasion="aborted", job_id="shop", summary="x", at=datetime(2026, 1, 1, tzinfo=UTC), data=data)
    )
    assert [each.problem for each in deliveries] == [None, None]
    assert server.got[0][2]["data"]["('a', 1)"] == 2


async def test_a_program_that_is_not_there_is_reported():
    [delivery] = await told(command=["/no/such/program"])
    assert delivery.problem == "cannot be started: No such file or directory"


@pytest.mark.real_time
async def test_a_program_that_hangs_is_killed_with_everything_it_started(tmp_path):
    pids = tmp_path / "pids"
    script = 'sleep 60 & echo $$ $! > "$0"; sleep 60'
    [delivery] = await told(command=["/bin/sh", "-c", script, str(pids)], timeout=4)
    assert delivery.problem == "not done within 4 s, and killed"
    wait_until(lambda: not [pid for pid in pids.read_text().split() if alive(int(pid))])


@pytest.mark.real_time
async def test_a_program_that_leaves_something_running_is_not_waited_for(tmp_path):
    began, left = time.monotonic(), tmp_path / "left"
    [delivery] = await told(command=["/bin/sh", "-c", 'sleep 100 & echo $! > "$0"', str(left)], timeout=90)
    assert delivery.ok
    assert time.monotonic() - began < 60
    os.kill(int(left.read_text()), signal.SIGKILL)


@pytest.mark.real_time
async def test_a_cancelled_notice_leaves_no_program_behind(tmp_path):
    pid = tmp_path / "pid"
    script = 'echo $$ > "$0"; sleep 60'
    task = asyncio.create_task(told(command=["/bin/sh", "-c", script, str(pid)], timeout=50))
    while not (pid.exists() and pid.read_text()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(int(pid.read_text()))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # apprise's own
@pytest.mark.real_time
async def test_apprise_reaches_a_service(server):
    [delivery] = await told(urls=[server.url.replace("http://", "json://") + "/s3cr3t"])
    assert delivery.ok, delivery
    [(path, _, body)] = server.got
    assert path == "/s3cr3t"
    assert body["title"] == NOTICE.summary
    assert delivery.target == "json://***"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.real_time
async def test_an_address_that_apprise_does_not_know_and_a_service_that_refuses_are_reported(server):
    server.status = 500
    unknown, refused = await told(urls=["nonsense://s3cr3t/x", server.url.replace("http://", "json://")])
    assert unknown.problem == "this is no address that apprise knows"
    assert refused.problem == "the service did not take it"
    assert "s3cr3t" not in f"{unknown}{refused}"


async def test_a_missing_extra_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    [delivery] = await told(urls=["json://localhost"])
    assert delivery.problem == "apprise is not installed: pip install 'outlast[notify]'"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"urls": ["tgram://${TOKEN}/1"]}, "notify.urls: TOKEN is not set in the environment"),
        ({"webhook": "https://hooks.example/${TOKEN}"}, "notify.webhook: TOKEN is not set in the environment"),
        ({"command": ["tell", "file:/no/such/secret"]}, "notify.command: secret cannot be read: FileNotFoundError"),
        ({"urls": ["json://localhost"]}, "[notify] needs apprise: pip install 'outlast[notify]'"),
    ],
)
async def test_what_would_keep_somebody_from_being_told_is_found_before_there_is_something_to_tell(
    monkeypatch, tmp_path, settings, said
):
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.delenv("TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        Run("shop", config=JobConfiguration(notify=settings))
    assert str(refused.value) == said
    assert not list(tmp_path.iterdir())
    Notifier(NotifyConfiguration(webhook="https://hooks.example/${TOKEN}"), environ={"TOKEN": "x"}).check()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.real_time
async def test_one_that_fails_does_not_keep_the_others_from_being_told(server):
    settings = {"urls": ["nonsense://x"], "webhook": server.url, "command": ["/no/such/program"]}
    assert [each.ok for each in await told(**settings)] == [False, True, False]


@pytest.mark.parametrize(
    ("on", "wanted"),
    [
        (["aborted"], {"aborted"}),
        (["failed"], {"aborted", "completed_with_failures", "timed_out", "empty", "held", "failed"}),
        (["completed"], {"completed"}),
        ("completed, stopped", {"completed", "stopped"}),
        ([], set()),
    ],
)
def test_the_occasions_are_those_that_were_asked_for(on, wanted):
    notifier = Notifier(NotifyConfiguration(on=on, webhook="https://x.example"))
    every = {
        "completed",
        "completed_with_failures",
        "aborted",
        "stopped",
        "timed_out",
        "empty",
        "held",
        "stalled",
        "failed",
    }
    assert {each for each in every if notifier.wants(each)} == wanted
    assert not [each for each in every if Notifier(NotifyConfiguration(on=on)).wants(each)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"on": ["finished"]}, "on"),
        ({"command": "notify-send x"}, "a list of arguments"),
        ({"timeout": 0}, "timeout"),
        ({"webhok": "x"}, "did you mean 'webhook'"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        NotifyConfiguration(**settings)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/T0/B0/secret", "https://hooks.example/***"),
        ("https://user:pw@hooks.example:8443/x?key=1", "https://hooks.example:8443/***"),
        ("tgram://123:token/chat", "tgram://***"),
        ("mailto://me:password@mail.example", "mailto://***"),
        ("no address", "***"),
        ("", "***"),
    ],
)
def test_of_an_address_only_what_opens_no_door_is_shown(url, shown):
    assert masked_url(url) == shown


def test_no_part_of_an_address_is_left_in_a_message():
    url = "https://us%20er:p%40ssword@hooks.example/T0KEN/x?key=s3cr3t"
    said = without(f"failed: {url}: p@ssword, p%40ssword, T0KEN and s3cr3t at hooks.example", [url])
    for secret in ("ssword", "T0KEN", "s3cr3t", "us er"):
        assert secret not in said
    assert "hooks.example" in said
    assert without("bad [::1 address", ["https://[::1/secret"]) == "bad [::1 address"

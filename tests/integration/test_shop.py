"""`outlast demo --site`: the shop of the tutorial."""

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from outlast.testing.shop import FAULTS, GONE, PRODUCTS, SOLD_OUT, pages

pytestmark = pytest.mark.real_time

COMMAND = [sys.executable, "-m", "outlast", "demo"]


def opened(*arguments):
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def status(url):
    try:
        read(url)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def test_the_shop_is_served_until_ctrl_c(unused_tcp_port):
    port = unused_tcp_port
    with opened("--site", "--port", str(port)) as shop:
        said = shop.stdout.readline()
        url = re.search(r"http://\S+/", said)[0]
        assert url == f"http://127.0.0.1:{port}/"
        assert len(re.findall(r'href="/product/\d+"', read(url))) == PRODUCTS
        assert "sold out" in read(f"{url}product/{min(SOLD_OUT)}")
        assert status(f"{url}product/{GONE}") == 404
        shop.send_signal(signal.SIGINT)
        assert shop.communicate(timeout=60) == ("", "")
    assert shop.returncode == 0


def test_a_port_that_is_taken_is_said_in_a_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with opened("--site", "--port", str(port)) as shop:
            out, err = shop.communicate(timeout=60)
    assert (shop.returncode, out) == (2, "")
    assert err == f"outlast: error: port {port} cannot be used (Address already in use); choose another: --port\n"


@pytest.mark.parametrize("arguments", [["--port", "8001"], ["--site", "--keep", "here"], ["--site", "--port", "0"]])
def test_what_does_not_go_together_is_refused(arguments):
    with opened(*arguments) as refused:
        out, err = refused.communicate(timeout=60)
    assert (refused.returncode, out) == (2, "")
    assert "outlast demo --help" in err


def test_what_fails_once_is_neither_sold_out_nor_before_what_is():
    failing = [number for number in range(1, PRODUCTS + 1) if FAULTS.first_try(f"/product/{number}")]
    assert failing
    assert min(failing) > min(SOLD_OUT)
    assert not {GONE, *SOLD_OUT} & set(failing)
    assert "/product/1" in pages()

"""`outlast demo --site`: a small shop on this machine that is slow and flaky, to be scraped with a browser.

A script writes the price into the page, as in many shops. Two products are sold out and have none, one page is gone, and some
answer 503 when they are asked for the first time.
"""

import argparse
import asyncio
import errno
import os
import random
import sys
from contextlib import suppress

from outlast.testing.faults import Faults
from outlast.testing.flaky_site import FlakySite

__all__ = ["FAULTS", "GONE", "PRODUCTS", "SOLD_OUT", "main", "pages"]

PRODUCTS = 36
SOLD_OUT = frozenset({6, 17})
GONE = 30
# The seed spares the products up to the first one that is sold out.
FAULTS = Faults(unavailable=0.1, reset=0, hang=0, gone=frozenset({f"/product/{GONE}"}), latency=0.25, seed=1)

_NOUNS = ("Lamp", "Kettle", "Chair", "Mirror", "Clock", "Basket", "Blanket", "Shelf", "Vase")
_KINDS = ("Brass", "Oak", "Linen", "Enamel")
_SHOWN = "document.querySelector('main').insertAdjacentHTML('beforeend', '<p class=\"price\">{price}</p>')"


def pages() -> dict[str, tuple[str, bytes]]:
    """The pages of the shop by path, as a `FlakySite` takes them."""
    numbers = range(1, PRODUCTS + 1)
    links = "".join(f'<li><a href="/product/{number}">{_name(number)}</a></li>' for number in numbers)
    site = {"/": _page("A small shop", f"<ul>{links}</ul>")}
    return site | {f"/product/{number}": _product(number) for number in numbers}


def main() -> None:
    """Serve the shop until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="outlast demo --site", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(port))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        sys.stderr.write(
            f"outlast: error: port {port} cannot be used ({os.strerror(error.errno)}); choose another: --port\n"
        )
        sys.exit(2)


async def _serve(port: int) -> None:
    async with FlakySite(pages(), FAULTS, port=port) as site:
        print(f"A shop of {PRODUCTS} products, slow and flaky: {site.url}/  Ctrl-C closes it.", flush=True)  # noqa: T201 - said to a person
        await asyncio.get_running_loop().create_future()


def _product(number: int) -> tuple[str, bytes]:
    price = "sold out" if number in SOLD_OUT else f"${random.Random(number).randrange(5, 90)}.90"
    show = f"<script>setTimeout(() => {{ {_SHOWN.format(price=price)} }}, 20)</script>"
    return _page(_name(number), f"<main><h1>{_name(number)}</h1></main>{show}")


def _page(title: str, body: str) -> tuple[str, bytes]:
    head = f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{title}</title></head>"
    return "text/html; charset=utf-8", f"{head}<body>{body}</body></html>".encode()


def _name(number: int) -> str:
    kind, noun = divmod(number - 1, len(_NOUNS))
    return f"{_KINDS[kind]} {_NOUNS[noun].lower()}"


if __name__ == "__main__":
    main()

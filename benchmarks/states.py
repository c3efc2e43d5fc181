"""The state of a scraper, as a user would keep it in one dict: so many items of some 380 bytes of JSON each."""

from typing import Any

__all__ = ["state"]


def state(items: int) -> dict[str, Any]:
    return {"items": {f"k{number}": _item(number) for number in range(items)}, "cursor": items}


def _item(number: int) -> dict[str, Any]:
    return {
        "url": f"https://example.com/catalogue/item-{number}/page?id={number * 7919 % 100003}",
        "status": "done",
        "attempts": number % 3,
        "fetched_at": "2026-11-23T10:11:12.131415+00:00",
        "etag": f"{number * 2654435761 % 2**32:08x}",
        "bytes": number * 37 % 90000,
        "title": f"Product number {number} of the catalogue, in stock",
        "price": number % 1000 / 7,
        "tags": ["a", "b", str(number % 17)],
        "meta": {
            "depth": number % 5,
            "ref": f"https://example.com/catalogue/page-{number // 20}",
            "ok": True,
            "err": None,
        },
    }

"""For handlers: turn an answer that is an error, or a page that is a wall, into an exception."""

from http import HTTPStatus

from outlast.errors import BadStatusError, BlockedPageError, ValidationError
from outlast.failure.facts import attribute, header, headers_of, status_of
from outlast.failure.pages import blocked_by

__all__ = ["refuse_blocked", "refuse_errors"]

_WHEN_TO_COME_BACK = ("Retry-After", "RateLimit", "Date")


def refuse_blocked(page: object, text: str | None = None) -> None:
    """Raise `BlockedPageError` when the page is a wall that was put up against scrapers, whatever its status.

    `page` is the text of a page (Playwright's `await page.content()`, say), or a response of httpx or requests. A response whose text
    must be awaited (aiohttp, Playwright) is given with it: `refuse_blocked(response, await response.text())`; without it that is
    a `ValidationError`. The error's `context` has `vendor`, `status` and `url`.
    """
    if isinstance(page, str):
        status, url, vendor = None, "", blocked_by(None, "", None, page)
    else:
        status, url = status_of(page), str(attribute(page, "url") or "")
        vendor = blocked_by(status, url, headers_of(page), _text(page, text), redirected=_redirected(page))
    if vendor is not None:
        where = f"{url} is" if url else "this is"
        told = {"vendor": vendor, "status": status, "url": url or None}
        raise BlockedPageError(f"{where} a block page ({vendor})", context=told)


def refuse_errors(response: object) -> None:
    """Raise `BadStatusError` when the status of a response is an error (400 and above), with what it says of when to come back.

    Playwright raises nothing for such an answer, and shows the error as a page: `refuse_errors(await page.goto(url))`. None, which
    `goto` gives where nothing was loaded, is no error.
    """
    status = status_of(response)
    if status is None or status < HTTPStatus.BAD_REQUEST:
        return
    url = str(attribute(response, "url") or "")
    answered = headers_of(response)
    headers = {name: value for name in _WHEN_TO_COME_BACK if (value := header(answered, name)) is not None}
    told = {"status": status, "url": url or None, "headers": headers}
    raise BadStatusError(f"{url or 'the site'} answered {status} {_phrase(status)}".rstrip(), context=told)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # sites make up their own
        return ""


def _text(page: object, text: str | None) -> str:
    found = attribute(page, "text") if text is None else text
    if isinstance(found, str):
        return found
    raise ValidationError(
        f"the text of a {type(page).__qualname__} must be given too: refuse_blocked(response, await response.text())"
    )


def _redirected(page: object) -> bool | None:
    # httpx, requests and aiohttp keep the answers that led here.
    history = attribute(page, "history")
    return bool(history) if isinstance(history, list | tuple) else None

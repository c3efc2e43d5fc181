"""Is this page a wall that was put up against scrapers? Many answer 200.

A wall is known by what its vendor puts on it, never by one word: by its title or its scripts, and by how little it says. An
article about captchas has the words too, and says much more; what stands in `<pre>`, `<code>` or `<article>` is quoted, not used.
"""

import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

from outlast.failure.facts import header

__all__ = ["STATUSES", "TEXT_MAX", "blocked_by"]

STATUSES = frozenset({200, 202, 203, 403, 405, 406, 429, 503})
"""The statuses that walls are known to answer with."""

TEXT_MAX = 150_000
"""A longer page is none: a wall has no reason to be long, scripts included."""

VISIBLE_MAX = 3_000
VISIBLE_FEW = 800

# All of these take time in proportion to the page, whatever it holds: who builds walls may build traps as well.
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,500})</title")
_WIDGET = re.compile(
    r"<(?:div|iframe|img|input|script|form|span)\b[^<>]{0,500}?(?:captcha|turnstile|arkoselabs|geetest)"
)
_TAG = re.compile(r"<[^<>]*>")
_QUOTED = re.compile(r"<(pre|code|article|textarea|template)\b")
_UNSEEN = re.compile(r"<(script|style|noscript|svg|title)\b")
# Where a wall is redirected to: the last part of the path says it and nothing else.
_WALL_PATH = re.compile(
    r".*/(?:block(?:ed)?|captcha|recaptcha|robot-?check|bot-?check|unusual-traffic|access-denied)(?:\.\w{2,5})?/?|/sorry/.*"
)


@dataclass(frozen=True, slots=True)
class _Wall:
    """All `marks` must stand in the page (lower case), and its whole title must match."""

    vendor: str
    marks: tuple[str, ...] = ()
    title: str = ""
    visible_max: int = VISIBLE_MAX
    widget: bool = False


_ROBOT_TITLES = (
    r"(?:please )?(?:verify|confirm)(?: that)? you(?:.re| are)(?: a| not a)? (?:human|robot|bot)\W*"
    r"|are you (?:a )?(?:human|robot)\W*|robot check|(?:bot|human|security) (?:check|verification|challenge)\W*"
    r"|(?:re)?captcha(?: check| required| verification| challenge)?\W*|unusual traffic(?: detected)?\W*|one more step\W*"
)
_WALLS = (
    _Wall("Cloudflare", title=r"just a moment\.\.\.", visible_max=VISIBLE_FEW),
    _Wall("Cloudflare", ("_cf_chl_opt",)),
    _Wall("Cloudflare", title=r"attention required! \| cloudflare"),
    _Wall("Cloudflare", title=r"access denied \| .+ used cloudflare to restrict access"),
    _Wall("Cloudflare", ("sorry, you have been blocked", "cloudflare ray id")),
    _Wall("Cloudflare", ("cf-browser-verification", "checking your browser before accessing")),
    _Wall("DataDome", ("captcha-delivery.com", "var dd=")),
    _Wall("DataDome", ("//geo.captcha-delivery.com/captcha",)),
    _Wall("DataDome", ("//geo.captcha-delivery.com/interstitial",)),
    _Wall("HUMAN", title=r"access to this page has been denied\.?"),
    _Wall("HUMAN", ("px-captcha", "_pxappid")),
    _Wall("Akamai", ("reference #",), title="access denied"),
    _Wall("Akamai", ("reference&#32;&#35;",), title="access denied"),
    _Wall("Akamai", ("bm-verify=", 'http-equiv="refresh"')),
    _Wall("Akamai", ("sec-if-cpt-container",)),
    _Wall("Imperva", ("incapsula incident id",)),
    _Wall("Imperva", ("/_incapsula_resource?swudnsai",)),
    _Wall("Imperva", title=r"pardon our interruption\W*"),
    _Wall("AWS WAF", ("window.gokuprops",)),
    _Wall("AWS WAF", ("awswaf",), title="human verification"),
    _Wall("AWS WAF", ("request blocked", "cloudfront"), title="error: the request could not be satisfied"),
    _Wall("Kasada", ("window.kpsdk", "/ips.js?")),
    _Wall("Google", ("our systems have detected unusual traffic from your computer network",)),
    _Wall("DDoS-Guard", title="ddos-guard"),
    _Wall("Sucuri", ("sucuri website firewall", "access denied")),
    _Wall("F5", ("the requested url was rejected", "your support id is"), visible_max=VISIBLE_FEW),
    _Wall("captcha", title=_ROBOT_TITLES, visible_max=VISIBLE_FEW, widget=True),
)
_ANY_TITLE = re.compile("|".join(f"(?:{wall.title})" for wall in _WALLS if wall.title))
# What is answered to a request that asked for JSON.
_JSON_WALLS = (
    _Wall("DataDome", ('"url"', "//geo.captcha-delivery.com/")),
    _Wall("HUMAN", ('"appid"', '"blockscript"')),
)


def blocked_by(
    status: int | None, url: str, headers: object, text: str, *, redirected: bool | None = None
) -> str | None:
    """The vendor of the wall that this is, `captcha` for one of no known make, `redirect` where its address says so; else None.

    `status` None: unknown, and not a reason against. `url` is where the answer came from in the end; `redirected`: whether that is
    another place than was asked for, None where nobody knows.
    """
    if status is not None and 300 <= status < 400:
        location = header(headers, "Location")
        return "redirect" if location and _is_wall(location) else None
    if status is not None and status not in STATUSES:
        return None
    return _by_headers(headers) or _by_text(text) or _by_address(url, text, redirected=redirected)


def _by_headers(headers: object) -> str | None:
    if (header(headers, "cf-mitigated") or "").lower() == "challenge":
        return "Cloudflare"
    if (header(headers, "x-amzn-waf-action") or "").lower() in {"captcha", "challenge"}:
        return "AWS WAF"
    return None


def _by_text(text: str) -> str | None:
    if len(text) > TEXT_MAX:
        return None
    start = text.lstrip()[:1]
    if start not in {"<", "{"}:
        return None
    lowered = text.lower()
    if start == "{":
        return next((wall.vendor for wall in _JSON_WALLS if all(mark in lowered for mark in wall.marks)), None)
    title = _title(lowered)
    # Nearly every page is none, so what costs little comes first.
    titled = _ANY_TITLE.fullmatch(title) is not None
    suspects = [wall for wall in _WALLS if (titled or not wall.title) and _resembles(wall, lowered, title)]
    if not suspects:
        return None
    used, visible = _without(_QUOTED, lowered), _visible_length(lowered)
    return next(
        (wall.vendor for wall in suspects if visible <= wall.visible_max and _resembles(wall, used, title)), None
    )


def _resembles(wall: _Wall, html: str, title: str) -> bool:
    if wall.title and not re.fullmatch(wall.title, title):
        return False
    return all(mark in html for mark in wall.marks) and (not wall.widget or _WIDGET.search(html) is not None)


def _by_address(url: str, text: str, *, redirected: bool | None) -> str | None:
    if redirected is False or not _is_wall(url):
        return None
    if redirected or (len(text) <= TEXT_MAX and _visible_length(text.lower()) <= VISIBLE_FEW):
        return "redirect"
    return None


def _is_wall(url: str) -> bool:
    try:
        path = urlsplit(url).path
    except ValueError:  # whoever sends a redirect may send nonsense
        return False
    return _WALL_PATH.fullmatch(path.lower()) is not None


def _title(html: str) -> str:
    found = _TITLE.search(html)
    return " ".join(unescape(found[1]).split()) if found else ""


def _visible_length(html: str) -> int:
    return len(" ".join(_TAG.sub(" ", _without(_UNSEEN, html)).split()))


def _without(elements: re.Pattern[str], html: str) -> str:
    """The page without these elements and what is in them; one that is not closed goes on to the end."""
    kept: list[str] = []
    position = 0
    while found := elements.search(html, position):
        kept.append(html[position : found.start()])
        end = html.find(f"</{found[1]}", found.end())
        if end < 0:
            return "".join(kept)
        position = html.find(">", end) + 1 or len(html)
    return "".join([*kept, html[position:]])

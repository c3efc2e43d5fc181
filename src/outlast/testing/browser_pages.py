"""The pages of a `BrowserSite`, as functions from what was asked for to HTML."""

import html
import json
from collections.abc import Mapping
from hashlib import blake2b

__all__ = ["HIDDEN_COOKIE", "cookies", "document", "index", "item", "login", "popup", "record", "storage", "tall"]

HIDDEN_COOKIE = "hidden=1; Path=/; HttpOnly"
TALL_PIXELS = 20_000

_STORAGE = """
const asked = new URLSearchParams(location.search).get("write");
const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("outlast", 3);
  request.onupgradeneeded = () => request.result.createObjectStore("kept", { keyPath: "id" }).createIndex("text", "text");
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const done = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
(async () => {
  const database = await opened;
  const kept = mode => database.transaction("kept", mode).objectStore("kept");
  if (asked !== null) {
    localStorage.setItem("kept", asked);
    sessionStorage.setItem("kept", asked);
    await done(kept("readwrite").put({
      id: 1, text: asked, when: new Date(86400000), map: new Map([["a", 1]]), bytes: new Uint8Array([1, 2, 3]),
    }));
  }
  const row = await done(kept("readonly").get(1));
  document.getElementById("stored").textContent = JSON.stringify({
    local: localStorage.getItem("kept"),
    session: sessionStorage.getItem("kept"),
    indexed: row === undefined ? null : {
      text: row.text, when: row.when.toISOString(), map: [...row.map], bytes: [...row.bytes], version: database.version,
    },
  });
  document.body.dataset.ready = "yes";
})();
"""


def document(title: str, body: str, script: str = "") -> bytes:
    """A page; its `script` runs before the body is there."""
    head = f"<meta charset='utf-8'><title>{html.escape(title)}</title>"
    run = f"<script>{script}</script>" if script else ""
    return f"<!DOCTYPE html><html><head>{head}{run}</head><body>{body}</body></html>".encode()


def record(number: int, seed: int) -> dict[str, object]:
    """What a visitor reads on page `number`: nobody who has not seen it can know the token."""
    token = blake2b(f"{seed}\0page\0{number}".encode(), digest_size=12).hexdigest()
    return {"page": number, "title": f"Page {number}", "token": token, "made": token[::-1]}


def item(number: int, count: int, seed: int, script: str = "", *, root: str = "/page") -> bytes:
    """Page `number` of `count`: `#token` stands in it, `#made` is made by its script, and it links to its neighbours."""
    held = record(number, seed)
    links = "".join(
        f"<a rel='{rel}' href='{root}/{near}'>page {near}</a> "
        for rel, near in (("prev", number - 1), ("next", number + 1))
        if 0 <= near < count
    )
    made = "document.getElementById('made').textContent = [...document.getElementById('token').textContent].reverse().join('');"
    return document(
        str(held["title"]),
        f"<h1>{held['title']}</h1><p id='token'>{held['token']}</p><p id='made'></p><nav>{links}</nav><script>{made}</script>",
        script,
    )


def index(count: int) -> bytes:
    links = "".join(f"<li><a href='/page/{number}'>page {number}</a></li>" for number in range(count))
    return document("All pages", f"<ul>{links}</ul>")


def popup(number: int) -> bytes:
    return document(f"Popup {number}", f"<h1>popup {number}</h1>")


def cookies(seen: Mapping[str, str], *, sets: bool) -> bytes:
    """`#cookies` is what came with the request, the ones that no script can see included."""
    script = "document.cookie = 'plain=1; path=/';" if sets else ""
    return document(
        "Cookies", f"<pre id='cookies'>{html.escape(json.dumps(seen, sort_keys=True), quote=False)}</pre>", script
    )


def storage() -> bytes:
    """`#stored` says what local storage, session storage and IndexedDB hold; `?write=TEXT` puts it there first."""
    return document("Storage", f"<pre id='stored'></pre><script>{_STORAGE}</script>")


def tall() -> bytes:
    return document("Tall", f"<div style='height:{TALL_PIXELS}px'><p id='top'>top</p></div><p id='bottom'>bottom</p>")


def login(*, wrong: bool, onward: str) -> bytes:
    told = "<p id='wrong'>wrong name or password</p>" if wrong else ""
    fields = "<input name='user'><input name='password' type='password'><button>log in</button>"
    onward = f"<input name='next' type='hidden' value='{html.escape(onward, quote=True)}'>"
    return document("Log in", f"{told}<form method='post' action='/login'>{fields}{onward}</form>")

"""Make the README's pictures: screenshots of the pages of ``demo/home`` by headless Chromium.

``make pictures`` runs it after ``make demo``. It serves the bundle on the loopback address, signs
in with the demo's key and photographs the list and one case in both languages.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from claims.vault import pseudonym_key
from serving.api import create_app
from serving.keys import api_key

HERE = Path(__file__).parent
HOME = HERE.parent.parent / "demo" / "home"
VAULT = HERE.parent.parent / "demo" / "vault"
PORT = 8399
_PURCHASE = {"en": "pharmacy purchase", "zh": "店购药"}
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-device-scale-factor=1", "--run-all-compositor-stages-before-draw",
]  # fmt: skip


def _serve(key: str) -> uvicorn.Server:
    app = create_app(HOME, key=key, pseudonym_key=pseudonym_key(VAULT))
    server = uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.1)
    return server


def _pages(key: str) -> dict[str, str]:
    """Return the HTML of each picture's page, as a signed-in reader gets it."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    base = f"http://127.0.0.1:{PORT}"
    opener.open(f"{base}/login", urlencode({"key": key}).encode())
    pages = {}
    for lang in ("en", "zh"):
        listed = opener.open(f"{base}/?unit=claim&lang={lang}").read().decode()
        # A purchase has few lines, so its explanation is on the picture.
        rows = [row for row in listed.split("<tr") if _PURCHASE[lang] in row]
        case = rows[0].split('href="/cases/claim/', 1)[1].split('"', 1)[0].split("?")[0]
        pages[f"list-{lang}"] = listed
        url = f"{base}/cases/claim/{case}?lang={lang}"
        pages[f"case-{lang}"] = opener.open(url).read().decode()
    return pages


def _with_style(html: str) -> str:
    """Return the page with its style sheet inside, so that it can be read from a file."""
    static = HERE.parent.parent / "serving" / "static"
    style = "".join(path.read_text(encoding="utf-8") for path in sorted(static.glob("*.css")))
    return html.replace("</head>", f"<style>{style}</style></head>", 1)


def main() -> int:
    """Write the pictures; return the exit code."""
    key = api_key(VAULT)
    server = _serve(key)
    with tempfile.TemporaryDirectory() as scratch:
        for name, html in _pages(key).items():
            page = Path(scratch) / f"{name}.html"
            page.write_text(_with_style(html), encoding="utf-8")
            size = "1280,900" if name.startswith("list") else "1280,2150"
            target = HERE / f"{name}.png"
            shot = [f"--screenshot={target}", f"--window-size={size}"]
            command = [*CHROMIUM, *shot, f"--user-data-dir={scratch}/profile", str(page)]
            subprocess.run(command, check=True, capture_output=True)
            sys.stdout.write(f"{target}\n")
    server.should_exit = True
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

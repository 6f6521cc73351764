"""Run the service on this machine.

In: the home folder and an address of this machine. The service speaks plain HTTP and knows one key,
so it answers on the loopback interface only; an office reaches it through a reverse proxy with TLS.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import uvicorn

from claims.vault import pseudonym_key
from serving.api import create_app
from serving.keys import api_key


class AddressError(ValueError):
    """The service may not listen on this address."""


def run(home: Path, host: str = "127.0.0.1", port: int = 8350) -> None:
    """Serve API and pages of ``home`` until stopped; raises AddressError off the loopback."""
    check_loopback(host)
    app = create_app(home, key=api_key(), pseudonym_key=pseudonym_key())
    uvicorn.run(
        app, host=host, port=port, access_log=False, server_header=False, log_level="warning",
        timeout_keep_alive=5, limit_concurrency=200, h11_max_incomplete_event_size=16_384,
    )  # fmt: skip


def check_loopback(host: str) -> None:
    """Raise AddressError unless ``host`` is this machine's own loopback address."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise AddressError(
            f"The service listens on this machine only, not on {host}. To reach it from other "
            "machines, put a reverse proxy with TLS and a login in front of it (for example nginx: "
            "proxy_pass http://127.0.0.1:8350) and keep --host 127.0.0.1."
        )

"""The three people of a committee and their known parts: for tests only, real parts are secret."""

from __future__ import annotations

import hashlib

NAMES = ("finance", "audit", "医保中心")
PARTS = {name: hashlib.sha256(name.encode()).digest() for name in NAMES}

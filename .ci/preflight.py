"""Say first, and in one sentence each, what this machine lacks before anything is installed."""

import ctypes.util
import importlib.util
import platform
import sys


def missing() -> list[str]:
    """Return a sentence for everything that is missing, with the package that brings it."""
    faults = []
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before the version is known
        faults.append(
            f"Python {platform.python_version()} is too old: 3.11 or later is needed. "
            "Name another with: make PYTHON=python3.12 …"
        )
    if importlib.util.find_spec("ensurepip") is None:
        faults.append("Python's venv module cannot make environments here; on Debian and Ubuntu: "
                      "apt-get install python3-venv")  # fmt: skip
    if sys.platform.startswith("linux") and ctypes.util.find_library("gomp") is None:
        faults.append("The library libgomp, which LightGBM needs, is not installed; on Debian and "
                      "Ubuntu: apt-get install libgomp1")  # fmt: skip
    return faults


if __name__ == "__main__":
    found = missing()
    for sentence in found:
        sys.stderr.write(sentence + "\n")
    raise SystemExit(1 if found else 0)

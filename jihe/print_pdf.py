"""A page as PDF, printed by a Chromium that is installed; nothing is loaded from elsewhere.

In: an HTML file. Out: a PDF file, or a sentence that says how to print the page by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sampling.faults import Fault, SamplingError

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_PATIENCE = 180


class PrintError(SamplingError):
    """The page could not be printed as PDF."""


def browser() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_pdf(page: Path, target: Path) -> None:
    """Print ``page`` on A4 into ``target``, which appears whole or not at all.

    Raises:
        PrintError: if there is no Chromium or it fails; the sentence says how to print by hand.
    """
    program = browser()
    if program is None:
        raise PrintError([_no_browser(page)])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jihe-print-") as folder:
        made = Path(folder) / "page.pdf"
        command = [
            program, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile", f"--print-to-pdf={made}",
            *(["--no-sandbox"] if os.geteuid() == 0 else []), page.resolve().as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True)  # noqa: S603
        except (subprocess.SubprocessError, OSError):
            raise PrintError([_failed(program, page)]) from None
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF"):
            raise PrintError([_failed(program, page)])
        draft = target.with_name(f".{target.name}.part")
        shutil.copyfile(made, draft)
        os.replace(draft, target)


def _no_browser(page: Path) -> Fault:
    return Fault(
        "PDF_BROWSER", f"No Chromium is installed here, so no PDF was made. Open {page} in any "
        "browser and print it as PDF on A4, or install Chromium and run this again.",
        f"本机没有安装Chromium，未生成PDF。请用任一浏览器打开{page}并按A4打印为PDF，或安装Chromium后重试。",
    )  # fmt: skip


def _failed(program: str, page: Path) -> Fault:
    return Fault(
        "PDF_FAILED", f"{program} did not print the page. Open {page} in any browser and print it "
        "as PDF on A4.",
        f"{program}未能打印该页面。请用任一浏览器打开{page}并按A4打印为PDF。",
    )  # fmt: skip

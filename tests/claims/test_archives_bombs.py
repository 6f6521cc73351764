"""Files made to harm: refused with a reason, before they fill the memory.

Every bomb is made for its test and thrown away. Some are opened in a process of their own, whose
memory is measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from claims.faults import sentences
from claims.reading import open_file
from tests.claims import bombs
from tests.claims.bombs import BOMBS, HEAVY, Bomb
from tests.claims.packing import MEGABYTE


def told(path: Path) -> str:
    """Return the first fault of a file that is read to its end."""
    raw = open_file(path)
    for _ in raw.blocks():
        pass
    return raw.faults[0].code


@pytest.mark.parametrize(
    "bomb", [b for b in BOMBS if b not in HEAVY], ids=lambda bomb: bomb.__name__
)
def test_every_bomb_is_refused_with_its_reason(bomb: Bomb, tmp_path: Path) -> None:
    code = told(bomb(tmp_path))
    assert code == BOMBS[bomb]
    assert code in sentences()


MEASURE = """
import sys
from pathlib import Path
from claims.reading import open_file
raw = open_file(Path(sys.argv[1]))
for block in raw.blocks():
    pass
status = Path("/proc/self/status")  # memory is measured on Linux
lines = status.read_text().splitlines() if status.exists() else ["VmHWM: 0"]
peak = next(line for line in lines if line.startswith("VmHWM"))
print(raw.faults[0].code, int(peak.split()[1]) // 1024)
"""


@pytest.mark.parametrize("bomb", HEAVY, ids=lambda bomb: bomb.__name__)
def test_no_bomb_takes_more_than_a_quarter_of_a_gigabyte(
    bomb: Bomb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bombs, "SIZE", 300 * MEGABYTE)
    path = bomb(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, peak = ran.stdout.split()
    assert code == BOMBS[bomb]
    print(bomb.__name__, peak)
    assert int(peak) <= 256

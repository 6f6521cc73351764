"""A step that dies in the middle: a child process ended at any of its requests to the system."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

#: What the program asks of the system whenever something becomes visible or durable.
CALLS = ("replace", "rename", "symlink", "fsync", "unlink", "rmdir")
_KILLED = 86


def killed_at(step: Callable[[], object], call: int) -> bool:
    """Make ``step`` in a child that dies at its ``call``-th request; return whether it died."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, _KILLED)
        return code == _KILLED
    try:
        left = [call]

        def dying(real: Callable[..., Any]) -> Callable[..., Any]:
            def request(*args: Any, **named: Any) -> Any:
                left[0] -= 1
                if not left[0]:
                    os._exit(_KILLED)
                return real(*args, **named)

            return request

        for name in CALLS:
            setattr(os, name, dying(getattr(os, name)))
        sa.event.listen(sa.engine.Engine, "commit", dying(lambda connection: None))
        step()
        os._exit(0)
    finally:
        os._exit(1)

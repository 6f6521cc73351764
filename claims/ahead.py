"""Read one item ahead: a second thread fetches the next while the first is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield ``items`` in order; at most two wait. An exception of theirs is raised here."""
    waiting: queue.Queue[object] = queue.Queue(maxsize=1)
    stop = threading.Event()
    failed: list[BaseException] = []

    def offer(item: object) -> None:
        while not stop.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue

    def fetch() -> None:
        try:
            for item in items:
                offer(item)
                if stop.is_set():
                    return
        except BaseException as error:
            failed.append(error)
        offer(_END)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if failed:
            raise failed[0]
    finally:
        stop.set()
        thread.join()

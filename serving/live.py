"""The bundle in use: swapped without downtime, kept where the next one is refused.

In: the home folder. Out: ``Served``, a bundle with its scorer. A new bundle is verified and opened
beside the old one and takes its place in one assignment; one that is refused changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from features.online import PublishedError
from serving.bundle import Bundle, BundleError, current_version, open_bundle
from serving.scoring import Scorer
from training.apply import ModelFilesError

#: Errors whose sentences are ours and name nothing but files and versions.
_SPOKEN = (BundleError, PublishedError, ModelFilesError)
_log = logging.getLogger("jihe.serving")


@dataclass(frozen=True)
class Served:
    """An opened bundle and, where it has a model of claims, its scorer."""

    bundle: Bundle
    scorer: Scorer | None

    def close(self) -> None:
        """Close every file."""
        if self.scorer is not None:
            self.scorer.close()
        self.bundle.close()


class LiveBundle:
    """Holds the bundle in use; ``current`` is None until one was published."""

    def __init__(self, home: Path, pseudonym_key: bytes) -> None:
        """Remember where bundles are; nothing is opened yet."""
        self._home = home
        self._key = pseudonym_key
        self._refused = ""
        self.current: Served | None = None

    def outdated(self) -> bool:
        """Tell whether ``CURRENT`` names a bundle that is neither served nor known as refused."""
        try:
            version = current_version(self._home)
        except (BundleError, OSError):
            return False
        served = self.current.bundle.version if self.current else ""
        return version not in (served, self._refused)

    def reload(self) -> bool:
        """Open the bundle that ``CURRENT`` names and serve it; False keeps the previous one."""
        fresh = self.prepare()
        if fresh is None:
            return False
        self.swap(fresh)
        return True

    def prepare(self) -> Served | None:
        """Verify and open the named bundle beside the one in use; None where it is refused."""
        version = ""
        try:
            version = current_version(self._home)
            bundle = open_bundle(self._home, version)
            scorer = Scorer(bundle, self._key) if "claim" in bundle.models else None
        except Exception as error:  # whatever is wrong with a new bundle, the old one stays in use
            self._refused = version
            reason = str(error) if isinstance(error, _SPOKEN) else type(error).__name__
            _log.warning("bundle refused, the previous one stays: %s", reason)
            return None
        return Served(bundle, scorer)

    def swap(self, fresh: Served) -> None:
        """Serve ``fresh`` from now on and close the previous bundle."""
        previous, self.current = self.current, fresh
        self._refused = ""
        _log.info("serving bundle %s", fresh.bundle.version)
        if previous is not None:
            previous.close()

    def close(self) -> None:
        """Close the bundle in use."""
        if self.current is not None:
            self.current.close()
            self.current = None

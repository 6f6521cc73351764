"""The command ``jihe`` as a file, for ``spark-submit``.

A program that is given a file puts the file's folder first on the module path; this folder holds
nothing that could hide a package.
"""

from __future__ import annotations

from jihe.cli import main

if __name__ == "__main__":
    main()

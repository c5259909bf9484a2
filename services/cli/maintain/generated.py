"""``laksa schemas``: writes the files that are generated from the code."""

import sys
from pathlib import Path

from shared.events.schemas import DIRECTORY, stale_files, write_files


def schemas(directory: Path | None, *, check: bool) -> int:
    """Write the schemas, or with ``check`` only name stale ones; returns the exit code."""
    folder = directory or DIRECTORY
    if not check:
        write_files(folder)
        return 0
    stale = stale_files(folder)
    sys.stdout.writelines(f"{name} is not current: run `laksa schemas`\n" for name in stale)
    return 1 if stale else 0

"""Check a routing table before it is released: ``laksa routing lint FILE``.

Exits with 0 if the table can be released; otherwise with 1 after printing one line per fault.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.router.routing_table import PACKAGED, RoutingTableError, load_routing_table
from services.router.rules import RoutingTable
from shared.domain.taxonomy import default_taxonomy


def release_faults(new: RoutingTable, released: RoutingTable, now: datetime) -> list[str]:
    """The faults that forbid replacing ``released`` by ``new`` at ``now``.

    A repeated report must be decided as before, by the version valid when it was received. So no version may start,
    change, move or be removed in the past.
    """
    faults: list[str] = []
    before = {version.version: version for version in released.versions}
    after = {version.version: version for version in new.versions}
    for name, version in after.items():
        old = before.get(name)
        if old is None and version.valid_from <= now:
            faults.append(f"version {name}: is new but starts in the past, at {version.valid_from.isoformat()}")
        if old is None or min(old.valid_from, version.valid_from) > now:
            continue
        if old.valid_from != version.valid_from:
            faults.append(f"version {name}: was released with another `valid_from`, {old.valid_from.isoformat()}")
        if not old.says_the_same_as(version):
            faults.append(f"version {name}: has started with other rules; add a new version instead")
    gone = [name for name, version in before.items() if name not in after and version.valid_from <= now]
    return faults + [f"version {name}: has started and cannot be taken away" for name in gone]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one file and return the exit code."""
    parser = argparse.ArgumentParser(prog="laksa routing lint", description=__doc__)
    parser.add_argument("file", type=Path, help="The routing table to check")
    parser.add_argument("--released", type=Path, default=PACKAGED, help="The table in use; default: the packaged one")
    parser.add_argument("--now", type=_aware_time, default=datetime.now(UTC), help="Check as if it were this time")
    chosen = parser.parse_args(arguments)
    try:
        new = load_routing_table(chosen.file, default_taxonomy())
        released = load_routing_table(chosen.released, default_taxonomy())
    except RoutingTableError as error:
        faults = list(error.faults)
    else:
        faults = [f"{chosen.file.name}: {fault}" for fault in release_faults(new, released, chosen.now)]
    sys.stdout.writelines(f"{line}\n" for line in faults or [f"{chosen.file.name}: good"])
    return 1 if faults else 0


def _aware_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("give the offset too, as in 2026-12-01T00:00:00+07:00")
    return moment


if __name__ == "__main__":
    sys.exit(main())

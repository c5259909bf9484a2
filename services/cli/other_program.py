"""Commands whose code belongs to a service: `laksa` replaces itself by that service's program.

The import contract "Only Kafka is between the services" holds for the command line too, so it does not import a
service. It replaces its process (``execve``) by that program in the same interpreter, so signals and the exit code need
no forwarding.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from services.cli.settings import PROJECT


def become(module: str, arguments: Sequence[str] = ()) -> NoReturn:
    """Run ``python -m module`` with these arguments in place of this process."""
    sys.stdout.flush()
    # -P: a folder named `services` in the working directory must not shadow the project's
    path = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", module, *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606  # fixed, no shell

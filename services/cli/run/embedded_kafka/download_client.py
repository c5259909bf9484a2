"""``maven-artifact``, which downloads jars. Nothing else needs it, so `make run` does not keep it in ``.venv``."""

import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from services.cli.bootstrap import ROOT, Environment, SetupError, install_download_client
from services.cli.run.embedded_kafka.errors import BrokerError

PACKAGE = "maven_artifact"


@contextmanager
def download_client() -> Iterator[ModuleType]:
    """The package where it is installed; else from a temporary folder, which is removed at the end.

    Raises:
        BrokerError: it cannot be installed.
    """
    if importlib.util.find_spec(PACKAGE) is not None:
        yield importlib.import_module(PACKAGE)
        return
    with tempfile.TemporaryDirectory(prefix="laksa-download-") as folder, client_in(Path(folder)) as client:
        yield client


@contextmanager
def client_in(folder: Path) -> Iterator[ModuleType]:
    """The package, installed into this folder and loaded from there.

    Raises:
        BrokerError: it cannot be installed.
    """
    try:
        install_download_client(Environment(ROOT), folder)
    except SetupError as error:
        raise BrokerError(f"{error}. Check that a package index can be reached, and start again") from error
    before = set(sys.modules)
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if _is_below(folder, sys.modules[name]):
                del sys.modules[name]


def _is_below(folder: Path, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)

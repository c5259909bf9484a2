"""Programs of the machine that some tests need: Debian packages, which a bare machine may not have."""

import os
import shutil

import pytest

COMPLETE_VARIABLE = "LAKSA_TEST_COMPLETE"  # set by .ci/run, which installs them all


def needed(program: str, package: str) -> str:
    """The path of a program. Where it is missing the test is skipped, and listed at the end with what to install.

    With LAKSA_TEST_COMPLETE set it fails instead, so that nothing is left out where everything should be there.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    reason = f"left out, {program} is not on this machine: apt-get install -y {package}"
    if os.environ.get(COMPLETE_VARIABLE):
        pytest.fail(reason)
    pytest.skip(reason)

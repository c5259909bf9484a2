"""Become another program that the kernel kills when its parent ends. Run as a script; imports nothing of the project.

``python -I -S bound_to_parent.py <pid of the parent> [--user=<name>] <program> <arguments>``

With ``--user``, which needs root, it becomes that user first: changing the user later would undo the binding.

Linux only: the kernel sends SIGKILL when the thread that started this process ends, and exec keeps that. Other systems
have no such call: there the program outlives a parent that is killed with -9, and the data lock still refuses a second
broker and names the process.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
USER = "--user="


def main() -> None:
    """Bind, then exec."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if program[0].startswith(USER):
        _become(program.pop(0).removeprefix(USER))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we were bound to it
            sys.exit("the parent has ended")
    os.execv(program[0], program)  # noqa: S606  # becoming the given program is the point


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()

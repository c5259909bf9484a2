"""Become another program that the kernel ends with its parent. Run as a script; it imports nothing of ours.

``python -I -S bound_to_parent.py <pid of the parent> [--user=<name>] <program> <arguments>``

With ``--user``, which only root may say, it becomes that user first: changing the user later would undo the binding.

Linux only: there, the kernel sends SIGKILL when the thread that started this process ends, and exec keeps that. Other
systems have no such call: the program is started all the same, and outlives a parent that is killed with -9. The data
lock then still refuses a second broker and names the process.
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
            sys.exit("the parent is gone")
    os.execv(program[0], program)  # noqa: S606  # becoming the given program is the point


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()

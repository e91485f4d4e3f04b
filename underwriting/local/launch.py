"""Becomes a program that dies with its parent: `launch.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT…]`.

Run as a script, so that it starts in a few milliseconds with nothing of the project imported. It does what cannot be
done safely between fork and exec in a parent with threads: change the user, undo ignored signals (a shell starts its
background jobs with SIGINT ignored), and ask the kernel for SIGNAL when the parent ends, however it ends.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Prepare this process, then replace it by the program."""
    parent, stop_signal, uid, gid = (int(argument) for argument in sys.argv[1:5])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != parent:
        raise SystemExit("the parent ended before its child began")
    os.execvp(sys.argv[5], sys.argv[5:])  # noqa: S606 - replacing this process is the purpose; there is no shell


if __name__ == "__main__":
    main()

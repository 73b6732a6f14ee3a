"""A child process that ends when its parent does, however that ended."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)  # here: between fork and exec nothing may be loaded


def die_with(parent: int) -> None:
    """Have this process end when `parent` does, even a killed one."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)

"""A child process that ends when this one does, however that ends.

Left behind, Envoy would go on at a port that nobody looks after, with endpoints that nobody changes. Linux sends a
signal by itself (prctl(2), PR_SET_PDEATHSIG), and keeps what was asked for over an exec. It has to be asked in the
child: not between fork and exec, where no Python is safe while other threads run, but by a Python that then becomes
the program.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# 1 is PR_SET_PDEATHSIG. The parent may have ended before it was asked for, and is another then.
_BECOME = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that asked for it is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def tethered(command: Sequence[str]) -> list[str]:
    """`command`, whose process is to be a child of this one and ends with it; as it is where the system cannot do so.

    The signal is for the end of the thread that starts it, which is that of the event loop.
    """
    if sys.platform != "linux" or not sys.executable:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *command]

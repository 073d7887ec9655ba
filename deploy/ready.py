# ruff: noqa: INP001 - a program of the image, part of no package
"""Whether the sidecar in this container is ready, for health checks: exit code 0 if it is.

    python -I -S ready.py [PATH] [PORT]    /ready at 7190 unless said otherwise; /live says whether it runs at all

No curl in the image, and no site packages to load: that makes it a matter of a few hundredths of a second.
"""

import http.client
import sys

path = sys.argv[1] if len(sys.argv) > 1 else "/ready"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 7190
try:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    connection.request("GET", path)
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"127.0.0.1:{port}{path}: {error}")
sys.exit(0 if status == 200 else f"127.0.0.1:{port}{path}: {status}")

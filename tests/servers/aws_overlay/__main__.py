"""Serve the corrected moto on loopback until the process ends."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from servers.aws_overlay import cloudmap, cloudmap_catalogue, dynamodb, route53, streams
from servers.aws_overlay.controls import Controls


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description="AWS (moto, corrected) on loopback")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    os.environ.setdefault("MOTO_PORT", str(port))
    for service in (cloudmap, cloudmap_catalogue, route53, dynamodb, streams):
        service.patch()
    moto = import_module("moto.moto_server.werkzeug_app")
    serving = import_module("werkzeug.serving")

    def log_request(self: object, *args: object) -> None:
        """Nobody reads it, and it would fill the log that explains a failed start."""

    base: Any = getattr(moto, "MotoRequestHandler", serving.WSGIRequestHandler)
    keep_alive = {"protocol_version": "HTTP/1.1", "disable_nagle_algorithm": True, "log_request": log_request}
    handler = type("Handler", (base,), keep_alive)
    app = Controls(moto.DomainDispatcherApplication(moto.create_backend_app))
    serving.run_simple("127.0.0.1", port, app, threaded=True, request_handler=handler)


if __name__ == "__main__":
    main()

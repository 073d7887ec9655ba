"""A mesh described by a file, with one value given by the program.

Run it: python examples/from_config.py
"""

from __future__ import annotations

from pathlib import Path

from instances import instances

import meshclient


def main() -> None:
    path = Path(__file__).with_name("config") / "meshclient.toml"
    with (
        instances(2) as urls,
        meshclient.Mesh.from_config(path, services={"orders": {"endpoints": urls}}) as mesh,
        meshclient.Client(mesh=mesh) as http,
    ):
        for target in ("http://orders/v1/orders/42", "http://orders/reports/2024"):
            left = http.get(target).extensions["mesh"].deadline_left
            print(f"{target}: {left:.1f} s of its time were left")


if __name__ == "__main__":
    main()

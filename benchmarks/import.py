"""What importing meshclient adds to importing httpx.

    python benchmarks/import.py [--rounds 15]

Each sample is a fresh interpreter that imports httpx and reports how long meshclient takes after it: once the bare
package, whose names are loaded on use, and once the client itself. Rounds are interleaved with interpreters that import
httpx alone.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

SAMPLES = {
    "import httpx": "import httpx",
    "+ import meshclient": "import meshclient",
    "+ from meshclient import Client": "from meshclient import Client",
}
TIMED = "import time\n{before}\nbegin = time.perf_counter()\n{timed}\nprint(time.perf_counter() - begin)"


def milliseconds(label: str) -> float:
    before = "" if label == "import httpx" else "import httpx"
    program = TIMED.format(before=before, timed=SAMPLES[label])
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    return float(done.stdout) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {label: [] for label in SAMPLES}
    for _ in range(rounds):
        for label in SAMPLES:
            taken[label].append(milliseconds(label))
    whole = taken["import httpx"]
    for label, times in taken.items():
        ratio = statistics.median(own / base for own, base in zip(times, whole, strict=True))
        print(f"{label:33} {statistics.median(times):6.1f} ms ({min(times):.1f}-{max(times):.1f}), ratio {ratio:.3f}")


if __name__ == "__main__":
    main()

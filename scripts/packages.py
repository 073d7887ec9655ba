"""Build every distribution, install each into a clean environment, and use it there.

    python scripts/packages.py [FOLDER]    the wheels and sdists stay in FOLDER (default: build/dist)

What this catches is invisible in a checkout: a file that no distribution holds, a dependency that only the development
environment has, an extra that cannot be installed, an entry point that loads here and nowhere else. Versions are those
of ``constraints/dev.txt``, so that a release of somebody else's does not fail it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = "meshclient"
# Extras that a program chooses between; `all` has them all.
WHOLE = "all"
LIMIT = 600.0
# Nobody listens there, so that a plugin gets as far as asking.
DEAF = {
    "consul": "consul://127.0.0.1:9",
    "etcd": "etcd://127.0.0.1:9/services",
    "eureka": "eureka://127.0.0.1:9/eureka",
    "kubernetes": "kubernetes://shop?server=http://127.0.0.1:9",
    "cloudmap": "cloudmap://prod?region=us-east-1&endpoint_url=http://127.0.0.1:9",
    "dynamodb": "dynamodb://registry?region=us-east-1&endpoint_url=http://127.0.0.1:9",
}
_UNAVAILABLE, _USAGE = 5, 2
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*==[^ \\]+)( ;[^\\]*)?", re.MULTILINE)

SMOKE = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import FACE as face


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        pass


with HTTPServer(("127.0.0.1", 0), Orders) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with face.Client(f"static://127.0.0.1:{server.server_port}") as http:
        answer = http.get("http://orders/")
        assert (answer.status_code, answer.text) == (200, "ok"), answer
        assert len(answer.extensions["mesh"].attempts) == 1
    server.shutdown()
"""


class Broken(Exception):
    """A distribution is not as it has to be."""


@dataclass(frozen=True)
class Project:
    """A folder with a pyproject.toml, and what was built of it."""

    folder: Path
    name: str
    version: str
    points: dict[str, dict[str, str]]
    extras: tuple[str, ...]

    @property
    def stem(self) -> str:
        """How its files are called."""
        return f"{self.name.replace('-', '_')}-{self.version}"


def main(arguments: Sequence[str]) -> int:
    """Do it; 1 where something is wrong."""
    folder = Path(arguments[0] if arguments else ROOT / "build" / "dist").resolve()
    projects = [
        project_in(path.parent) for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
    ]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        for project in projects:
            build(project, folder)
            print(f"built {project.stem}: wheel and sdist, and the same wheel from the sdist", flush=True)
        for project in projects:
            with environment(project.name, folder) as python:
                use(python, [project])
            print(f"used {project.name} in an environment of its own", flush=True)
        with environment(f"{CORE}[{WHOLE}]", folder) as python:
            use(python, projects)
            print(
                f"used {CORE}[{WHOLE}]: {', '.join(name for name in projects[0].extras if name != WHOLE)}", flush=True
            )
    except (Broken, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def project_in(folder: Path) -> Project:
    """What its pyproject.toml says."""
    table = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    extras = tuple(table.get("optional-dependencies", {}))
    return Project(folder, table["name"], table["version"], table.get("entry-points", {}), extras)


def build(project: Project, folder: Path) -> None:
    """Both forms, and a wheel from the sdist: it has to be the same."""
    hatch(project.folder, folder, "sdist", "wheel")
    wheel, sdist = folder / f"{project.stem}-py3-none-any.whl", folder / f"{project.stem}.tar.gz"
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(sdist) as archive:
            archive.extractall(place, filter="data")
        hatch(Path(place, project.stem), Path(place), "wheel")
        again = content(Path(place, wheel.name))
    first = content(wheel)
    if first != again:
        odd = sorted(name for name in first.keys() | again.keys() if first.get(name) != again.get(name))
        raise Broken(f"{wheel.name} and the wheel from its sdist differ in {', '.join(odd[:9])}")
    package = project.name.replace("-", "_")
    info = f"{project.stem}.dist-info"
    for wanted in (f"{package}/py.typed", f"{info}/licenses/LICENSE"):
        if wanted not in first:
            raise Broken(f"{wheel.name} lacks {wanted}")
    if strangers := sorted({name.split("/")[0] for name in first} - {package, info}):
        raise Broken(f"{wheel.name} holds {', '.join(strangers)} as well")


def hatch(project: Path, folder: Path, *targets: str) -> None:
    """Build in this environment: it has the back-end."""
    words = [word for target in targets for word in ("-t", target)]
    run([sys.executable, "-m", "hatchling", "build", "-d", str(folder), *words], cwd=project)


def content(wheel: Path) -> dict[str, int]:
    """What a wheel holds, by name and checksum."""
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


@contextmanager
def environment(wanted: str, folder: Path) -> Iterator[Path]:
    """An environment that holds `wanted` and what it says it needs; its interpreter."""
    with tempfile.TemporaryDirectory() as place:
        run([sys.executable, "-m", "venv", "--without-pip", f"{place}/venv"])
        python = Path(place, "venv", "bin", "python")
        pins = Path(place, "pins.txt")
        # Without the hashes: they would have to be there for what was built here, too.
        text = (ROOT / "constraints" / "dev.txt").read_text("utf-8")
        pins.write_text("\n".join(f"{pin}{mark or ''}" for pin, mark in _PIN.findall(text)), "utf-8")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
        run([*pip, "install", "--quiet", "--find-links", str(folder), "--constraint", str(pins), wanted])
        run([*pip, "check"])
        yield python


def use(python: Path, projects: Sequence[Project]) -> None:
    """The library, the command, and what these projects bring."""
    run([str(python), "-c", SMOKE.replace("FACE", CORE)])
    twin = ended([str(python), "-c", SMOKE.replace("FACE", f"{CORE}.httpx2")])
    if twin.returncode and (len(projects) > 1 or "pip install 'meshclient[httpx2]'" not in twin.stderr):
        raise Broken(f"{CORE}.httpx2: {twin.stderr}")
    said = run([str(python.parent / CORE), "--version"])
    if projects[0].version not in said:
        raise Broken(f"{CORE} --version says {said!r}")
    listed = json.loads(run([str(python.parent / CORE), "plugins", "-o", "json"]))
    there = {(plugin["group"], plugin["name"]) for plugin in listed["plugins"] if plugin["loads"]}
    named = {
        (group, name)
        for project in projects
        for group, points in project.points.items()
        if group.startswith("meshclient.")
        for name in points
    }
    if missing := named - there:
        raise Broken(f"entry points that do not load: {sorted(missing)}")
    for scheme, uri in DEAF.items():
        known = ("meshclient.resolvers", scheme) in there
        asked = [str(python.parent / CORE), "--resolver", uri, "resolve", "orders", "--timeout", "2s"]
        done = ended(asked)
        if known and done.returncode != _UNAVAILABLE:
            raise Broken(f"{uri}: {done.returncode} {done.stderr}")
        if not known and (done.returncode != _USAGE or "pip install" not in done.stderr):
            raise Broken(f"{scheme} is not installed, and that is not said: {done.returncode} {done.stderr}")


def ended(words: Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment that says nothing of this checkout."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MESHCLIENT_", "PYTHON"))}
    aws = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        words,
        cwd=cwd or tempfile.gettempdir(),
        env=environ | aws,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def run(words: Sequence[str], cwd: Path | None = None) -> str:
    """What it writes. Raises Broken where it fails."""
    done = ended(words, cwd)
    if done.returncode:
        raise Broken(f"{' '.join(words)[:300]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Importing does nothing but import: no thread, process or socket, no file read but code, no heavy library.

Each case runs in an interpreter of its own, with an audit hook that sees what any code in it does.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from house.source import core, plugins

PROBE = """
import _thread, json, sys

modules = json.loads(sys.argv[1])
effects = []
watched = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")


def hook(event, arguments):
    if event == "open":
        path = arguments[0]
        # A file descriptor is no path.
        if isinstance(path, (str, bytes)):
            name = path if isinstance(path, str) else path.decode()
            if not name.endswith((".py", ".pyc", ".so", ".pyd", ".dll")) and ".pyc." not in name:
                effects.append("open " + name)
    elif event.startswith(watched):
        effects.append(event)


def noted(name, start):
    def wrapper(*arguments, **options):
        effects.append(name)
        return start(*arguments, **options)

    return wrapper


# Older versions raise no audit event for threads. `threading` takes these names when it is imported.
for name in ("start_new_thread", "start_joinable_thread"):
    if hasattr(_thread, name):
        setattr(_thread, name, noted(name, getattr(_thread, name)))

sys.addaudithook(hook)
for module in modules:
    __import__(module)
print(json.dumps({
    "effects": effects,
    "modules": sorted(sys.modules),
    "handlers": len(sys.modules["logging"].getLogger().handlers) if "logging" in sys.modules else 0,
}))
"""

# Each is imported by the first thing that needs it; together they cost more than all of httpx.
ON_FIRST_USE = (
    "boto3",
    "botocore",
    "cachetools",
    "click",
    "dns",
    "httptools",
    "meshclient_consul",
    "msgspec",
    "opentelemetry",
    "pybreaker",
    "rich",
    "tenacity",
    "uvloop",
    "yaml",
)


class Imported:
    """What an interpreter was after importing."""

    def __init__(self, modules: list[str], *path: Path) -> None:
        """Import the modules in a fresh interpreter, with more folders on its path."""
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                PREFIX.format(path=[str(folder) for folder in path]) + PROBE,
                json.dumps(modules),
            ],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        self.effects: list[str] = report["effects"]
        self.modules: set[str] = set(report["modules"])
        self.handlers: int = report["handlers"]


PREFIX = "import sys; sys.path[:0] = {path!r}\n"


def importable() -> list[str]:
    """Every module of the core distribution and of the plugins, but those that run as a program."""
    return [source.module for source in core() + plugins() if not source.module.endswith("__main__")]


def test_importing_every_module_does_nothing_else() -> None:
    everything = Imported(importable())
    assert everything.effects == []
    assert everything.handlers == 0


def test_the_package_imports_no_heavy_library() -> None:
    loaded = Imported(["meshclient"]).modules
    assert "meshclient" in loaded
    assert loaded.intersection(ON_FIRST_USE) == set()


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("import threading\nthreading.Thread(target=print).start()", "start_"),
        ("import _thread\n_thread.start_new_thread(print, ())", "start_new_thread"),
        ("import socket\nsocket.socket().close()", "socket.__new__"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])", "subprocess.Popen"),
        ("import os\nopen(os.devnull).close()", "open /dev/null"),
        ("from importlib.metadata import entry_points\nentry_points()", "entry_points.txt"),
    ],
)
def test_an_effect_is_noticed(tmp_path: Path, text: str, effect: str) -> None:
    (tmp_path / "busy.py").write_text(text, "utf-8")
    assert any(effect in seen for seen in Imported(["busy"], tmp_path).effects)


def test_a_log_handler_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text("import logging\nlogging.basicConfig()", "utf-8")
    assert Imported(["noisy"], tmp_path).handlers == 1

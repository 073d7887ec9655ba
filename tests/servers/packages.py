"""Programs from Debian packages: found on the machine, unpacked into a cache, or installed with apt.

Only install.py downloads anything; the tests merely look programs up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from servers.errors import NotInstalledError, ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_POLICY = Path("/usr/sbin/policy-rc.d")
_TRIES = 3
_BACKOFF = 2.0


def cache_root() -> Path:
    """Where unpacked programs stay between runs (`MESHCLIENT_SERVERS_CACHE` moves it)."""
    base = os.environ.get("MESHCLIENT_SERVERS_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshclient-servers"


def find_program(name: str) -> str | None:
    """The path of a program; Debian keeps servers in sbin, which PATH often leaves out."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def unpacked(package: str, suite: str, binary: str) -> Path:
    """Where unpack() puts `binary` of a package."""
    return cache_root() / f"{package}-{suite}" / binary


def unpack(package: str, suite: str, binary: str) -> Path:
    """Unpack one package of Debian's `suite` into the cache, without root; the path of `binary` in it.

    The suite lives in a private apt root with lists and cache of its own: the machine's own apt never
    sees it, nothing is registered with dpkg, no service starts. For programs linked against libc alone.
    Raises NotInstalledError where there is no apt or the package cannot be had.
    """
    path = unpacked(package, suite, binary)
    if path.exists():
        return path
    if find_program("apt-get") is None or find_program("dpkg-deb") is None:
        raise NotInstalledError(f"unpacking Debian's {package} needs apt-get and dpkg-deb")
    cache_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_root()) as name:
        work = Path(name)
        options = _private_apt(work, suite)
        _run(["apt-get", *options, "-qq", "update"], cwd=work)
        _run(["apt-get", *options, "-qq", "download", package], cwd=work)
        archives = sorted(work.glob("*.deb"))
        if not archives:
            raise NotInstalledError(f"{suite} has no package {package}")
        _run(["dpkg-deb", "-x", str(archives[0]), str(work / "root")], cwd=work)
        target = cache_root() / f"{package}-{suite}"
        shutil.rmtree(target, ignore_errors=True)
        (work / "root").rename(target)
    if not path.exists():
        raise NotInstalledError(f"{package} ({suite}) holds no {binary}")
    return path


def apt_install(packages: Sequence[str]) -> None:
    """Install packages with apt-get, as root, without starting their services.

    Raises NotInstalledError, with the command to run, where there is no root or apt fails.
    """
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.getuid() or find_program("apt-get") is None:
        raise NotInstalledError(f"run as root: {command}")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    silenced = not _POLICY.exists()
    if silenced:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        try:
            _run(install, env=env, tries=1)
        except NotInstalledError:  # no package lists yet, or lists that are too old
            _run(["apt-get", "update", "-qq"], env=env)
            _run(install, env=env)
    except NotInstalledError as error:
        raise NotInstalledError(f"{error}; try as root: apt-get update && {command}") from error
    finally:
        if silenced:
            _POLICY.unlink(missing_ok=True)


def _private_apt(work: Path, suite: str) -> list[str]:
    uri, keyring = _debian_source()
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    (work / "sources.list").write_text(f"deb [signed-by={keyring}] {uri} {suite} main\n")
    settings = (
        f"Dir::Etc::sourcelist={work}/sources.list",
        "Dir::Etc::sourceparts=/dev/null",
        "Dir::Etc::preferences=/dev/null",
        "Dir::Etc::preferencesparts=/dev/null",
        f"Dir::State::lists={work}/lists",
        f"Dir::Cache={work}/cache",
        "Acquire::Languages=none",
        "Acquire::Check-Valid-Until=false",  # an archived suite's index is no longer renewed
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        "APT::Sandbox::User=root",
    )
    return [word for setting in settings for word in ("-o", setting)]


def _debian_source() -> tuple[str, str]:
    """The mirror and keyring that the machine's own apt uses (`MESHCLIENT_DEBIAN_URI` overrides it)."""
    given = os.environ.get("MESHCLIENT_DEBIAN_URI")
    if given:
        return given, _KEYRING
    columns = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)"
    listing = _run(["apt-get", "indextargets", "--format", columns, "Created-By: Packages"], tries=1)
    release = _os_release()
    for line in listing.splitlines():
        uri, suite, component, keyring, *_ = [*line.split("|"), "", "", ""]
        if suite == release.get("VERSION_CODENAME") and component == "main" and release.get("ID") == "debian":
            # Older versions of apt leave an unset placeholder as it is.
            return uri, keyring if keyring.startswith("/") else _KEYRING
    raise NotInstalledError("apt has no Debian mirror among its sources; set MESHCLIENT_DEBIAN_URI to one")


def _os_release() -> dict[str, str]:
    path = Path("/etc/os-release")
    lines = path.read_text().splitlines() if path.exists() else []
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def _run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    tries: int = _TRIES,
    timeout: float = 300.0,
) -> str:
    """The command's output; tried again where it fails: mirrors and dpkg's lock are often briefly away."""
    said = ""
    for attempt in range(tries):
        if attempt:
            time.sleep(_BACKOFF * attempt)
        try:
            done = subprocess.run(
                command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            said = f"no end after {timeout:g} s"
            continue
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.strip()[-500:]
    raise NotInstalledError(f"{command[0]} failed: {said}")


def first_line(command: Sequence[str]) -> str:
    """The first line a program prints about itself, or an empty text."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerError(f"{command[0]}: {error}") from error
    return next(iter((done.stdout or done.stderr).splitlines()), "")

"""Sources of others that the firmware is built from. None of them is vendored.

A package is the folder that its variable of the environment names, or else Debian's source package of the
suite ``trixie``, got by the machine's own apt from the machine's own mirror, checked by apt's signatures.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class SourceError(Exception):
    """The sources cannot be had. The message says why, and what to do instead."""


@dataclass(frozen=True)
class Package:
    """A source package, in the version that the firmware is for."""

    name: str
    package: str
    version: str
    variable: str
    header: Path
    """The file of it that says its version, ..."""
    pattern: str
    """... in three numbers, which are this expression's groups."""

    def version_of(self, folder: Path) -> str | None:
        """The version of the sources in a folder; None where there are none."""
        header = folder / self.header
        if not header.is_file():
            return None
        found = re.findall(self.pattern, header.read_text(errors="replace"))
        return ".".join(found[:3]) if len(found) >= 3 else None

    @property
    def way_out(self) -> str:
        return f"set {self.variable} to an unpacked {self.name} {self.version} instead"


def ensure(package: Package, cache_dir: Path, progress: Callable[[str], None]) -> Path:
    """The folder with the sources: the one that the environment names, or in `cache_dir`, fetched if need be.

    Raises SourceError where the folder holds something else, or apt cannot get the package.
    """
    named = os.environ.get(package.variable)
    if named:
        source = Path(named).resolve()
        version = package.version_of(source)
        if version is None:
            raise SourceError(
                f"{package.variable}={named}: no {package.name} sources there "
                f"(no {package.header} with a version)"
            )
        if version != package.version:
            raise SourceError(
                f"{package.variable}={named}: {package.name} {version}; the port is for {package.version}"
            )
        return source
    source = cache_dir / f"{package.package}-{package.version}"
    if package.version_of(source) == package.version:
        return source
    progress(f"fetching the sources of {package.name} {package.version} with apt ...")
    shutil.rmtree(source, ignore_errors=True)
    cache_dir.mkdir(parents=True, exist_ok=True)
    archive = _fetch(package, cache_dir)
    unpacked = cache_dir / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(unpacked, filter="data")
        else:  # before Python 3.11.4; the archive is a signed one
            tar.extractall(unpacked)
    (top,) = unpacked.iterdir()
    if package.version_of(top) != package.version:
        raise SourceError(
            f"{archive}: not the sources of {package.name} {package.version}; {package.way_out}"
        )
    top.rename(source)
    unpacked.rmdir()
    return source


def run(command: list[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A program's output, in English, whatever it is."""
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def apt_reason(result: subprocess.CompletedProcess[str]) -> str:
    """What apt says is wrong, in one line."""
    lines = (result.stderr + result.stdout).splitlines()
    reasons = [line[3:].strip() for line in lines if line.startswith("E: ")]
    return reasons[0] if reasons else f"exit code {result.returncode}"


def _debian_mirror(package: Package) -> str:
    """The archive that this machine gets its Debian from, by its own apt configuration."""
    if shutil.which("apt-get") is None:
        raise SourceError(f"no apt on this machine to fetch {package.name}'s sources with; {package.way_out}")
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    )
    for line in listed.stdout.splitlines():
        uri, release, component = line.rsplit(" ", 2)
        # Not the updates (bookworm-updates), nor the archive of security fixes (bookworm-security).
        if component == "main" and "-" not in release and "/" not in release and "/debian" in uri:
            return uri
    raise SourceError(f"apt's sources on this machine name no Debian archive; {package.way_out}")


def _fetch(package: Package, cache_dir: Path) -> Path:
    """The package's .orig archive, got by an apt with a state of its own: the system's stays as it is."""
    mirror = _debian_mirror(package)
    private = cache_dir / "apt"
    try:
        result = _apt_source(package, private, mirror, KEYRING)
        if result.returncode != 0:
            # A release older than the suite may lack its keys; the update of the keyring package, which this
            # machine's apt checks with the keys it has, brings them.
            newer = _newer_keyring(private)
            if newer is not None:
                result = _apt_source(package, private, mirror, newer)
        if result.returncode != 0:
            raise SourceError(
                f"apt cannot get {package.package} of {SUITE} ({apt_reason(result)}); {package.way_out}"
            )
        archives = list(private.glob(f"{package.package}_{package.version}*.orig.tar.*"))
        if len(archives) != 1:
            raise SourceError(f"{SUITE} no longer has {package.package} {package.version}; {package.way_out}")
        kept = cache_dir / archives[0].name
        shutil.move(archives[0], kept)
        return kept
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _apt_source(
    package: Package, private: Path, mirror: str, keyring: Path
) -> subprocess.CompletedProcess[str]:
    lists, cache = private / "lists", private / "cache"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    sources = private / "suite.sources"
    sources.write_text(
        f"Types: deb-src\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\nSigned-By: {keyring}\n"
    )
    apt_get = [
        "apt-get",
        *("-o", f"Dir::Etc::SourceList={sources.resolve()}"),
        *("-o", "Dir::Etc::SourceParts=-"),
        *("-o", f"Dir::State::Lists={lists.resolve()}"),
        *("-o", f"Dir::Cache={cache.resolve()}"),
        *("-o", "APT::Sandbox::User=root"),
    ]
    updated = run([*apt_get, "update", "--error-on=any"])
    if updated.returncode != 0:
        return updated
    return run([*apt_get, "source", "--download-only", "--only-source", package.package], cwd=private)


def _newer_keyring(private: Path) -> Path | None:
    where = private / "keyring"
    where.mkdir(parents=True, exist_ok=True)
    if run(["apt-get", "download", "debian-archive-keyring"], cwd=where).returncode != 0:
        return None
    for package in where.glob("*.deb"):
        if run(["dpkg-deb", "--extract", str(package.resolve()), str(where.resolve())]).returncode == 0:
            keyring = where.resolve() / KEYRING.relative_to("/")
            return keyring if keyring.is_file() else None
    return None

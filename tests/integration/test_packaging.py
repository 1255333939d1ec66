"""`pip install .` from a clean checkout: the wheel holds everything that the product needs."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installation import ROOT, copy_of_checkout

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PAGES = ("index", "host", "join", "monitor", "archive")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Built by our own backend with the tools of this environment."""
    checkout = copy_of_checkout(tmp_path_factory.mktemp("packaging") / "checkout")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", ".", "--no-build-isolation", "--no-deps"),
            *("--quiet", "--disable-pip-version-check", "--wheel-dir", "wheels"),
        ],
        cwd=checkout,
        # As from a shell without the environment on its PATH: the backend finds its own tools.
        env={**os.environ, "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": ""},
        check=True,
    )
    (built,) = (checkout / "wheels").iterdir()
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_every_module_of_ours_is_in_it(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "orchestrator/*.py", "sfu/*.py", "peers/*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {name for name in tracked.stdout.split() if (ROOT / name).exists()}
    assert expected - set(wheel.namelist()) == set()
    assert "orchestrator/store/migrations/versions/0001_first.py" in expected


def test_engine_pages_and_types_are_in_it(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert any(n.startswith("sfu/engine/native.") and n.endswith(".so") for n in names)
    for page in PAGES:
        assert f"orchestrator/web/static/{page}.html" in names
    assert any(n.startswith("orchestrator/web/static/assets/") and n.endswith(".js") for n in names)
    for package in ("orchestrator", "sfu", "peers"):
        assert f"{package}/py.typed" in names
    assert "orchestrator/store/migrations/script.py.mako" in names


def test_nothing_else_is_in_it(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/", 1)[0] for name in wheel.namelist()}
    (information,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"orchestrator", "sfu", "peers", information}
    assert not [n for n in wheel.namelist() if n.endswith((".map", ".ts", ".vue", ".pyc"))]


def test_the_installed_command_runs_without_the_checkout(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """Unpacked as an installation, with this environment's packages beside it."""
    (entry,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "plenary = orchestrator.cli:main" in wheel.read(entry).decode()
    wheel.extractall(tmp_path / "site")
    program = (
        "import orchestrator, sfu.engine.native, sys\n"
        f"assert orchestrator.__file__.startswith({str(tmp_path)!r}), orchestrator.__file__\n"
        "from orchestrator.cli import main\n"
        "sys.argv = ['plenary', 'check-config']\n"
        "main()\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "server.port = 8080" in told.stdout

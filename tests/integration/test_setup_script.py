"""`scripts/setup`: what it asks of the machine, and that it does each step once.

The script is the real one, in a copy of the checkout. The two steps that take a minute each are
replaced there by ones that note that they ran (`test_packaging` runs the real ones).
"""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.integration.installation import copy_of_checkout

pytestmark = pytest.mark.integration

TOOLS = (
    *("bash", "env", "cat", "cut", "dirname", "find", "flock", "grep", "ls", "mkdir", "rm"),
    *("sha256sum", "sort", "tr", "uname", "xargs"),
)
NOTHING_TO_DO_SECONDS = 2.0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """With short steps, and a virtual environment whose packages are as the lock wants them."""
    folder = copy_of_checkout(tmp_path / "checkout")
    shutil.rmtree(folder / "tests")
    (folder / "scripts" / "build-engine").write_text(
        "#!/bin/sh\nset -eu\ntest ! -e broken\necho engine >>steps\n"
        "touch sfu/engine/native.test.so\n"
    )
    (folder / "build_backend" / "plenary_build.py").write_text(
        "from pathlib import Path\n"
        "page = Path('orchestrator/web/static/index.html')\n"
        "page.parent.mkdir(parents=True, exist_ok=True)\n"
        "page.touch()\n"
        "Path('steps').open('a').write('web client\\n')\n"
    )
    # Without pip: a set-up that wants packages fails there, instead of loading a hundred of them.
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    lock = (folder / "requirements" / "run.lock").read_bytes()
    stamps = folder / ".venv" / "plenary-stamps"
    stamps.mkdir()
    (stamps / "dependencies").write_text(hashlib.sha256(lock).hexdigest())
    return folder


def setup(checkout: Path, *, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "scripts/setup"],
        cwd=checkout,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def steps(checkout: Path) -> list[str]:
    """What was done since the last call."""
    file = checkout / "steps"
    done = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return done


def machine(folder: Path, *further: str) -> str:
    """A PATH with what every Debian has, and these."""
    folder.mkdir()
    for name in (*TOOLS, *further):
        found = sys.executable if name == "python3.11" else shutil.which(name)
        assert found, f"{name} is not on this machine"
        (folder / name).symlink_to(found)
    return str(folder)


def test_without_a_compiler(checkout: Path, tmp_path: Path) -> None:
    told = setup(checkout, path=machine(tmp_path / "bin", "python3.11"))
    assert told.returncode == 2, told.stderr
    assert told.stderr.startswith("error [missing_compiler]: ")
    assert "apt-get install gcc" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert not steps(checkout)


def test_without_python(checkout: Path, tmp_path: Path) -> None:
    told = setup(checkout, path=machine(tmp_path / "bin", "gcc"))
    assert told.returncode == 2, told.stderr
    assert told.stderr.startswith("error [missing_python]: ")
    assert "apt-get install python3" in told.stderr


def test_with_another_python(checkout: Path, tmp_path: Path) -> None:
    path = machine(tmp_path / "bin", "gcc")
    other = Path(path, "python3")
    other.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2"\nexit 1\n')
    other.chmod(0o755)
    told = setup(checkout, path=path)
    assert told.returncode == 2, told.stderr
    assert told.stderr.startswith("error [missing_python]: ")
    assert "Python 3.9.2" in told.stderr


def test_a_second_run_does_nothing_at_once(checkout: Path) -> None:
    first = setup(checkout)
    assert first.returncode == 0, first.stderr
    assert steps(checkout) == ["engine", "web client"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    second = setup(checkout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert not steps(checkout)
    # Time of its own: how long it takes beside other work says nothing of the script.
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < NOTHING_TO_DO_SECONDS


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("sfu/engine/forward.c", ["engine"]),
        ("sfu/engine/model.h", ["engine"]),
        ("web_client/package-lock.json", ["web client"]),
        ("web_client/src/i18n/index.ts", ["web client"]),
        ("build_backend/plenary_build.py", ["web client"]),
        ("orchestrator/app.py", []),
    ],
)
def test_a_change_repeats_the_step_that_depends_on_it(
    checkout: Path, changed: str, expected: list[str]
) -> None:
    setup(checkout)
    steps(checkout)
    with (checkout / changed).open("a") as file:
        file.write("\n")
    assert setup(checkout).returncode == 0
    assert steps(checkout) == expected


@pytest.mark.parametrize(
    ("removed", "expected"),
    [
        ("sfu/engine/native.test.so", ["engine"]),
        ("orchestrator/web/static/index.html", ["web client"]),
    ],
)
def test_what_was_built_and_is_gone_is_built_again(
    checkout: Path, removed: str, expected: list[str]
) -> None:
    setup(checkout)
    steps(checkout)
    (checkout / removed).unlink()
    assert setup(checkout).returncode == 0
    assert steps(checkout) == expected


def test_a_step_that_failed_is_tried_again(checkout: Path) -> None:
    (checkout / "broken").touch()
    told = setup(checkout)
    assert told.returncode == 2
    assert "error [build_failed]: the media engine did not build" in told.stderr
    (checkout / "broken").unlink()
    assert setup(checkout).returncode == 0
    assert steps(checkout) == ["engine", "web client"]


def test_packages_that_cannot_be_installed(checkout: Path) -> None:
    with (checkout / "requirements" / "run.lock").open("a") as lock:
        lock.write("# changed\n")
    for _ in range(2):  # the stamp is written after the step, not before
        told = setup(checkout)
        assert told.returncode == 2
        assert "error [install_failed]: " in told.stderr
    assert not steps(checkout)

"""Rules for every file of ours that no linter checks."""

import ast
import json
import re
import tomllib
from pathlib import Path

from tests.architecture.sources import CODE, GENERATED, ROOT, text_of, tracked

LONGEST_FILE = 800
# Where packages come from is the machine's own setting. Written apart: this file is one of ours.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("npmmirror", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
    )
)
SOMEBODYS_FOLDER = re.compile(r"/(?:root|home|Users)/[\w.]")


def test_no_file_is_longer_than_can_be_read() -> None:
    lengths = {
        str(file): len((text_of(file) or "").splitlines())
        for file in tracked()
        if file.suffix in CODE and str(file) not in GENERATED and file.name != "LICENSE"
    }
    assert {f: n for f, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_file_names_a_package_registry() -> None:
    found = [f"{file}: {host}" for file in tracked() for host in REGISTRIES if host in _lower(file)]
    assert found == []


def test_no_file_knows_a_folder_of_somebodys_machine() -> None:
    found = [
        f"{file}:{number}: {line.strip()}"
        for file in tracked()
        for number, line in enumerate((text_of(file) or "").splitlines(), 1)
        if SOMEBODYS_FOLDER.search(line)
    ]
    assert found == []


def test_locks_carry_hashes_and_no_addresses() -> None:
    packages = json.loads((ROOT / "web_client" / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
    for lock in ("run.lock", "dev.lock"):
        text = (ROOT / "requirements" / lock).read_text()
        assert "://" not in text, lock
        pins = re.split(r"\n(?=\S)", text)
        assert [p.split()[0] for p in pins if "==" in p and "--hash=sha256:" not in p] == []


def test_every_package_says_what_lives_in_it() -> None:
    silent = [
        str(file)
        for file in tracked()
        if file.name == "__init__.py"
        and file.parts[0] != "tests"
        and not ast.get_docstring(ast.parse(text_of(file) or ""))
    ]
    assert silent == []


def test_every_source_of_the_engine_is_built() -> None:
    """A file that is not named in pyproject.toml would be missing from the extension, and a header
    that is not would leave a stale build behind."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = project["tool"]["setuptools"]["ext-modules"]
    named = {name for module in modules for name in (*module["sources"], *module["depends"])}
    present = {
        str(f)
        for f in tracked()
        if f.parts[:2] == ("sfu", "engine") and f.suffix in (".c", ".h", ".pyx")
    }
    assert named == present


def test_settings_are_read_from_the_environment_in_one_place() -> None:
    """Elsewhere a test could not give them, and two parts could read them differently."""
    allowed = {
        "orchestrator/config.py",
        "orchestrator/runtime.py",  # the system's runtime folder
        "orchestrator/startup.py",  # what children inherit
        "orchestrator/supervisor.py",  # what children inherit
        "orchestrator/app.py",  # the password of a demonstration, which is no setting
        "peers/demo.py",  # the same
    }
    readers = {
        str(file)
        for file in tracked()
        if file.suffix == ".py"
        and file.parts[0] in ("orchestrator", "sfu", "peers")
        and re.search(r"os\.(?:environ|getenv)", text_of(file) or "")
    }
    assert readers - allowed == set()


def _lower(file: Path) -> str:
    return (text_of(file) or "").lower()

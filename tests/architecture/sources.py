"""The files that are ours: what is in version control and written by hand."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = {
    "requirements/dev.lock",
    "requirements/run.lock",
    "web_client/package-lock.json",
    "web_client/src/signalling/protocol.ts",
}
CODE = {".py", ".pyx", ".pxd", ".pyi", ".c", ".h", ".ts", ".vue", ".js", ".css", ".html", ""}


def tracked() -> Iterator[Path]:
    """Every file of the repository, relative to it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # a file may be deleted and not yet committed
            yield Path(name)


def text_of(file: Path) -> str | None:
    """Its text, or None when it is none."""
    try:
        return (ROOT / file).read_text("utf-8")
    except UnicodeDecodeError:
        return None

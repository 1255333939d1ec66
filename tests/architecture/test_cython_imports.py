"""What `.pyx` files import: import-linter reads only `.py`.

The engine knows sockets, libsrtp and itself. It may not know who uses it, nor any event loop: a
packet must never wait for Python.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, text_of, tracked

ALLOWED = {
    *("collections", "enum", "ipaddress", "random", "socket", "struct", "typing"),
    *("cpython", "cython", "libc", "posix"),
    "pylibsrtp",
    "sfu.engine",
}

_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+c?import\b")
_IMPORT = re.compile(r"^\s*c?import\s+([^#\n]+)")
_EXTERN = re.compile(r'^\s*cdef\s+extern\s+from\s+"([^"<>]+)"')
_INCLUDE = re.compile(r"^\s*include\s+[\"']")


def imported(text: str) -> Iterator[str]:
    """Modules that a Cython source names, in order."""
    for line in text.splitlines():
        if found := _FROM.match(line):
            yield found.group(1)
        elif found := _IMPORT.match(line):
            for part in found.group(1).split(","):
                yield part.split(" as ")[0].strip()


def allowed(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in ALLOWED)


def cython_sources() -> list[Path]:
    return [file for file in tracked() if file.suffix in (".pyx", ".pxd")]


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("import socket", ["socket"]),
        ("import socket, asyncio as a  # why", ["socket", "asyncio"]),
        ("cimport cython", ["cython"]),
        ("from libc.errno cimport EINVAL", ["libc.errno"]),
        ("    from orchestrator.app import serve", ["orchestrator.app"]),
        ("from sfu.engine.shapes import (\n    Stats,\n)", ["sfu.engine.shapes"]),
        ("important = 1\n# import asyncio\nfrom_ = 2", []),
        ('"""We import nothing."""', []),
    ],
)
def test_the_scan_finds_every_form(text: str, modules: list[str]) -> None:
    assert list(imported(text)) == modules


def test_the_engine_imports_only_what_is_below_it() -> None:
    sources = cython_sources()
    assert sources, "no Cython file is tracked: the scan would prove nothing"
    found = [
        f"{file}: {module}"
        for file in sources
        for module in imported(text_of(file) or "")
        if not allowed(module)
    ]
    assert found == []


def test_headers_are_ours_and_no_source_is_pasted_into_another() -> None:
    for file in cython_sources():
        for line in (text_of(file) or "").splitlines():
            assert not _INCLUDE.match(line), f"{file}: {line}"
            if found := _EXTERN.match(line):
                header = found.group(1)
                ours = (ROOT / "sfu" / "engine" / header).is_file()
                assert ours or re.fullmatch(r"[a-z]+(?:/\w+)?\.h", header), f"{file}: {header}"

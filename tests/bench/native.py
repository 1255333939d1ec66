"""Compiling and loading the small C programs of the benchmarks."""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path


def library(source: Path) -> ctypes.CDLL:
    """Compile `source` once per content and load it. Raises RuntimeError with gcc's output."""
    name = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"plenary-bench-{os.getuid()}-{name}.so"
    if not target.exists():
        aside = target.with_suffix(f".{os.getpid()}")
        compiler = os.environ.get("CC", "gcc")
        result = subprocess.run(
            [compiler, "-O3", "-shared", "-fPIC", "-o", str(aside), str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"{compiler} failed on {source}:\n{result.stderr}")
        aside.replace(target)
    return ctypes.CDLL(str(target))

"""`python -m sfu.finalizer --folder RECORDING --timeline FILE`: JSON lines on stdout."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import av
import structlog
from pydantic import ValidationError

from sfu.finalizer.errors import FinalizerError, TimelineInvalid
from sfu.finalizer.finalize import finalize
from sfu.record.timeline import Timeline

log = structlog.get_logger(__name__)
REPORT_SECONDS = 0.5
"""A stage's progress is printed at most this often."""


def main(argv: list[str] | None = None) -> int:
    """Return 0 when the program is there; the last line says `done`, or `error` and why."""
    parser = argparse.ArgumentParser(prog="sfu.finalizer", description=__doc__)
    parser.add_argument("--folder", required=True, type=Path, help="folder of one recording")
    parser.add_argument("--timeline", required=True, type=Path, help="what the session log says")
    options = parser.parse_args(argv)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    av.logging.set_level(av.logging.FATAL)
    try:
        info = finalize(options.folder, _timeline(options.timeline), Progress())
    except FinalizerError as error:
        return _failed(error.code, str(error))
    except Exception as error:
        log.exception("finalizer_failed")
        return _failed("internal_error", f"{type(error).__name__}: see the log")
    _say({"done": True, "duration": info["duration"], "size": info["size"]})
    return 0


def _timeline(path: Path) -> Timeline:
    try:
        return Timeline.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TimelineInvalid(f"{path.name} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise TimelineInvalid(f"{path.name} does not fit: {error}") from error


class Progress:
    """Prints each new stage at once, and otherwise now and then."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0

    def __call__(self, progress: float, stage: str) -> None:
        now = time.monotonic()
        if stage != self._stage or now >= self._next:
            self._stage = stage
            self._next = now + REPORT_SECONDS
            _say({"progress": round(progress, 4), "stage": stage})


def _failed(code: str, message: str) -> int:
    _say({"error": {"code": code, "message": message[:2000]}})
    return 1


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

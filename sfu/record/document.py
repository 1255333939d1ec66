"""Base of every document of the record, and its one way to bytes.

Canonical JSON: UTF-8, keys sorted, no spaces, one document a line. A line that differs from the
canonical form of its own content was not written by us, so one changed byte is always seen.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Nanoseconds = int
MAX_LINE = 1 << 20


class Document(BaseModel):
    """Frozen; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def canonical(value: dict[str, Any]) -> bytes:
    """Return the canonical JSON of `value`, without a line end."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def encode_line(document: Document) -> bytes:
    """Return one canonical line, with its line end."""
    return canonical(document.model_dump(mode="json")) + b"\n"


def whole_lines(data: bytes) -> tuple[list[bytes], int]:
    """Split into complete lines (without line ends); also return how many bytes they take.

    What follows the last line end was torn by a kill and belongs to nobody.
    """
    end = data.rfind(b"\n") + 1
    return data[:end].split(b"\n")[:-1] if end else [], end


def parse_objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of each line; a damaged line is skipped, never a reason to fail."""
    for line in lines:
        if len(line) > MAX_LINE:
            continue
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value

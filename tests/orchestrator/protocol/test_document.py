"""docs/protocol.md says what the code says."""

from pathlib import Path

from orchestrator.protocol.document import PARTS, render

DOCUMENT = Path(__file__).parents[3] / "docs/protocol.md"


def test_the_generated_parts_are_not_stale() -> None:
    text = DOCUMENT.read_text()
    assert render(text) == text, "python -m orchestrator.protocol.document docs/protocol.md"


def test_every_part_is_in_the_document() -> None:
    text = DOCUMENT.read_text()
    assert all(f"<!-- generated: {name} -->" in text for name in PARTS)

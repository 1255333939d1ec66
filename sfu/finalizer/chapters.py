"""Chapters of the program: one for each turn on the floor, and the phases between them. Pure."""

from typing import NamedTuple

from sfu.finalizer.material import SECOND, Material
from sfu.record.timeline import FloorTurn, Phase

LEAST_SECONDS = 1.0
"""A phase shorter than this between two turns gets no chapter of its own."""

PHASES: dict[str, dict[Phase, str]] = {
    "zh-CN": {
        "scheduled": "会议",
        "open": "会前准备",
        "live": "会议",
        "paused": "会议暂停",
        "ended": "会议结束",
        "archived": "会议结束",
    },
    "en": {
        "scheduled": "Session",
        "open": "Lobby",
        "live": "Session",
        "paused": "Paused",
        "ended": "End",
        "archived": "End",
    },
}


class Chapter(NamedTuple):
    """Seconds from the program's start. `venue_id` None: a phase, nobody in particular."""

    start: float
    end: float
    title: str
    venue_id: str | None


def chapters(material: Material) -> list[Chapter]:
    """Return chapters in order of their start. Turns may overlap; phases fill what is left."""
    turns = [t for t in (_turn(material, turn) for turn in material.timeline.turns) if t]
    taken = sorted((c.start, c.end) for c in turns)
    found = turns + [c for phase in _phases(material) for c in _uncovered(phase, taken)]
    return sorted(found, key=lambda c: (c.start, c.end))


def _turn(material: Material, turn: FloorTurn) -> Chapter | None:
    start = material.moment(turn.granted_at)
    end = material.duration_ns if turn.ended_at is None else material.moment(turn.ended_at)
    if end <= start:
        return None
    name = material.timeline.venues.get(turn.venue_id, turn.venue_id)
    title = " · ".join(part for part in (name, turn.speaker, turn.subject) if part)
    return Chapter(start / SECOND, end / SECOND, title, turn.venue_id)


def _phases(material: Material) -> list[Chapter]:
    names = PHASES[material.timeline.language]
    changes = [(material.moment(c.at) / SECOND, names[c.phase]) for c in material.timeline.phases]
    end = material.duration_ns / SECOND
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0.0, names["live"]))
    found: list[Chapter] = []
    for index, (start, title) in enumerate(changes):
        until = changes[index + 1][0] if index + 1 < len(changes) else end
        if found and found[-1].title == title:
            found[-1] = found[-1]._replace(end=until)
        elif until > start:
            found.append(Chapter(start, until, title, None))
    return found


def _uncovered(phase: Chapter, taken: list[tuple[float, float]]) -> list[Chapter]:
    found: list[Chapter] = []
    at = phase.start
    for start, end in taken:
        if start - at >= LEAST_SECONDS and start < phase.end:
            found.append(phase._replace(start=at, end=start))
        at = max(at, end)
    if phase.end - at >= LEAST_SECONDS:
        found.append(phase._replace(start=at))
    return found


def web_vtt(found: list[Chapter]) -> str:
    """The chapters as WebVTT (W3C), for browsers."""
    lines = ["WEBVTT", ""]
    for number, chapter in enumerate(found, 1):
        title = chapter.title.replace("-->", "→").replace("\n", " ")
        lines += [str(number), f"{_clock(chapter.start)} --> {_clock(chapter.end)}", title, ""]
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    total = round(seconds * 1000)
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"

"""The record on disk: manifest, segments and their hash chain. Pure: bytes in, documents out.

A recording's folder holds `manifest.jsonl` (`manifest`, checked by `verify`), `switches.jsonl`
(`switches`), `tracks/<name>.mkv` with a `tracks/<name>.jsonl` sidecar each (`naming`, `sidecar`),
and what the finalizer derives from them with the timeline of the session log (`timeline`).
Opening, writing and hashing in time live in `sfu.recorder`; nothing here touches a file.
"""

MANIFEST = "manifest.jsonl"
SWITCHES = "switches.jsonl"
TRACKS = "tracks"
PROGRAM = "program.webm"
PROGRAM_INFO = "program.json"
CHAPTERS_VTT = "chapters.vtt"
CHAPTERS_JSON = "chapters.json"
VERIFICATION = "verification.json"

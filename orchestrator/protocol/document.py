"""The generated parts of docs/protocol.md: methods, notifications, close codes, reasons.

`python -m orchestrator.protocol.document FILE` rewrites what stands between the markers
`<!-- generated: NAME -->` and `<!-- end generated -->`; a test checks that nothing is stale.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestrator.protocol import signalling
from orchestrator.protocol.reasons import Reason

_PART = re.compile(r"<!-- generated: (?P<name>[a-z_]+) -->\n.*?<!-- end generated -->", re.DOTALL)


def render(text: str) -> str:
    """Return the document with every generated part made anew. Raises KeyError for an unknown
    part."""
    return _PART.sub(
        lambda found: (
            f"<!-- generated: {found['name']} -->\n{PARTS[found['name']]()}\n<!-- end generated -->"
        ),
        text,
    )


def _methods() -> str:
    rows = ["| method | params | result |", "|---|---|---|"]
    for method, params in signalling.METHODS.items():
        result = signalling.RESULTS.get(method)
        if result is None and issubclass(params, signalling.Command):
            result = signalling.Accepted
        rows.append(f"| `{method}` | {_fields(params)} | {_fields(result) if result else '`{}`'} |")
    return "\n".join(rows)


def _notifications() -> str:
    rows = ["| notification | params |", "|---|---|"]
    rows += [f"| `{name}` | {_fields(model)} |" for name, model in signalling.NOTIFICATIONS.items()]
    return "\n".join(rows)


def _close_codes() -> str:
    rows = ["| code | meaning |", "|---|---|"]
    rows += [f"| {code} | {meaning} |" for code, meaning in signalling.CLOSE_CODES.items()]
    return "\n".join(rows)


def _reasons() -> str:
    return ", ".join(f"`{reason.value}`" for reason in Reason)


def _fields(model: type[BaseModel]) -> str:
    """`name`, with `?` where it may be left out."""
    fields: Mapping[str, Any] = model.model_fields
    shown = [
        f"`{field.serialization_alias or field.alias or name}`"
        + ("" if field.is_required() else "?")
        for name, field in fields.items()
    ]
    return ", ".join(shown) or "`{}`"


PARTS = {
    "methods": _methods,
    "notifications": _notifications,
    "close_codes": _close_codes,
    "reasons": _reasons,
}


def main() -> None:
    """Rewrite the file named on the command line."""
    file = Path(sys.argv[1])
    file.write_text(render(file.read_text()))


if __name__ == "__main__":
    main()

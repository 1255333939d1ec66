"""The wire as JSON Schema, from which the web client's types are generated.

`python -m orchestrator.protocol.export` prints one schema whose `$defs` hold every message of
signalling, every REST body and the view, each once, named as its class. Three objects map names to
shapes: `MethodParams`, `MethodResults` and `Notifications`; `ReasonCode` lists the error reasons.

Field names are those on the wire: snake_case, with camelCase inside the ORTC shapes. What only the
server sends has every field that it always sets; a nullable field may be missing (`exclude_none`).
"""

import inspect
import json
import sys
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from orchestrator.protocol import rest, signalling
from orchestrator.protocol.reasons import Reason

Schema = dict[str, Any]

REST_REQUESTS: tuple[type[BaseModel], ...] = (
    rest.Setup,
    rest.Login,
    rest.NewAccount,
    rest.NewSession,
    rest.AddVenues,
    rest.VenueCsv,
    rest.JoinLink,
)
"""Bodies that a client sends; every other class of `orchestrator.protocol.rest` is an answer."""


def protocol_schema() -> Schema:
    """Everything on the wire between server and clients, as one JSON Schema."""
    sent_by_client = set(REST_REQUESTS) | set(signalling.METHODS.values())
    sent_by_server = (
        set(signalling.RESULTS.values())
        | set(signalling.NOTIFICATIONS.values())
        | {signalling.Accepted}
        | (_models_of(rest) - sent_by_client)
    )
    models = sorted(sent_by_client | sent_by_server, key=lambda model: model.__name__)
    _, schema = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions: dict[str, Schema] = schema["$defs"]
    from_client = _reachable(definitions, (model.__name__ for model in sent_by_client))
    for name, definition in definitions.items():
        _strip_titles(definition)
        if name not in from_client:
            _require_what_is_always_set(definition)
    return {
        "title": "Protocol",
        "type": "object",
        "$defs": dict(sorted((definitions | _maps()).items())),
    }


def _models_of(module: Any) -> set[type[BaseModel]]:
    return {
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, BaseModel) and member.__module__ == module.__name__
    } - {rest.Body}


def _maps() -> dict[str, Schema]:
    """Which shape belongs to which name, and the reasons of errors."""
    results: dict[str, type[BaseModel] | None] = {}
    for method, params in signalling.METHODS.items():
        is_command = issubclass(params, signalling.Command)
        results[method] = signalling.RESULTS.get(
            method, signalling.Accepted if is_command else None
        )
    return {
        "MethodParams": _map(signalling.METHODS),
        "MethodResults": _map(results),
        "Notifications": _map(signalling.NOTIFICATIONS),
        "ReasonCode": {"type": "string", "enum": [reason.value for reason in Reason]},
    }


def _map(shapes: Any) -> Schema:
    empty: Schema = {"type": "object", "additionalProperties": False}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"$ref": f"#/$defs/{model.__name__}"} if model else empty
            for name, model in shapes.items()
        },
        "required": list(shapes),
    }


def _reachable(definitions: dict[str, Schema], roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_references(definitions[name]))
    return found


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference.rsplit("/", 1)[-1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _strip_titles(definition: Schema) -> None:
    """Titles of fields only repeat their names, and generators make a type of each."""
    definition.pop("title", None)
    for field in definition.get("properties", {}).values():
        _strip_field_title(field)


def _strip_field_title(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for value in node.values():
            _strip_field_title(value)
    elif isinstance(node, list):
        for value in node:
            _strip_field_title(value)


def _require_what_is_always_set(definition: Schema) -> None:
    fields: dict[str, Schema] = definition.get("properties", {})
    required = [name for name, field in fields.items() if not _is_nullable(field)]
    if required:
        definition["required"] = required
    else:
        definition.pop("required", None)


def _is_nullable(field: Schema) -> bool:
    return any(option.get("type") == "null" for option in field.get("anyOf", ()))


if __name__ == "__main__":
    json.dump(protocol_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")

"""The exported schema names every message once, as it is on the wire."""

from typing import Any

import pytest

from orchestrator.protocol import rest, signalling
from orchestrator.protocol.export import protocol_schema
from orchestrator.protocol.reasons import Reason


@pytest.fixture(scope="module")
def definitions() -> dict[str, Any]:
    found: dict[str, Any] = protocol_schema()["$defs"]
    return found


def test_every_method_and_notification_has_its_shapes(definitions: dict[str, Any]) -> None:
    assert set(definitions["MethodParams"]["properties"]) == set(signalling.METHODS)
    assert set(definitions["MethodResults"]["properties"]) == set(signalling.METHODS)
    assert set(definitions["Notifications"]["properties"]) == set(signalling.NOTIFICATIONS)


def test_commands_answer_accepted(definitions: dict[str, Any]) -> None:
    results = definitions["MethodResults"]["properties"]
    assert results["floor.request"] == {"$ref": "#/$defs/Accepted"}
    assert results["session.join"] == {"$ref": "#/$defs/Joined"}
    assert results["client.report"] == {"type": "object", "additionalProperties": False}


def test_reasons_are_all_listed(definitions: dict[str, Any]) -> None:
    assert definitions["ReasonCode"]["enum"] == [reason.value for reason in Reason]


def test_ortc_shapes_are_camel_case_inside_snake_case_messages(
    definitions: dict[str, Any],
) -> None:
    assert "rtp_parameters" in definitions["Produce"]["properties"]
    assert "headerExtensions" in definitions["RtpParameters"]["properties"]


def test_what_only_the_server_sends_is_complete(definitions: dict[str, Any]) -> None:
    assert "repeated" in definitions["Accepted"]["required"]
    assert "request_id" not in definitions["Accepted"]["required"]
    # What a client sends keeps its defaults optional.
    assert "subject" not in definitions["RequestFloor"]["required"]


def test_rest_bodies_are_there(definitions: dict[str, Any]) -> None:
    for model in (rest.Setup, rest.SessionDetail, rest.Verification):
        assert model.__name__ in definitions


def test_no_definition_is_split_by_direction(definitions: dict[str, Any]) -> None:
    assert not [name for name in definitions if name.endswith(("-Input", "-Output"))]

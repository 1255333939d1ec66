"""RFC 7396: its own cases, and that a patch always carries the old object to the new one."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.web.signalling.merge_patch import apply_patch, merge_patch

scalars = st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.floats(-2, 2)
keys = st.sampled_from(["a", "b", "c", "d"])
objects = st.recursive(
    st.dictionaries(keys, scalars | st.lists(scalars, max_size=3), max_size=4),
    lambda inner: st.dictionaries(keys, inner | scalars, max_size=4),
    max_leaves=12,
)

# RFC 7396, appendix A: those whose target and result are objects.
RFC_CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_CASES)
def test_applies_the_cases_of_the_rfc(
    target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    assert apply_patch(target, patch) == result


# A busy machine is slow to generate; the property itself takes microseconds.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(objects, objects)
def test_a_patch_carries_old_to_new_and_edits_neither(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    old_before, new_before = copy.deepcopy(old), copy.deepcopy(new)
    assert apply_patch(old, merge_patch(old, new)) == new
    assert (old, new) == (old_before, new_before)


@patient
@given(objects)
def test_nothing_changed_is_an_empty_patch(same: dict[str, Any]) -> None:
    assert merge_patch(same, copy.deepcopy(same)) == {}


def test_true_is_not_one() -> None:
    assert merge_patch({"a": 1}, {"a": True}) == {"a": True}

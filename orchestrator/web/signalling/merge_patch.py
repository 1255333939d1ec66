"""JSON merge patches (RFC 7396) between two null-free JSON objects.

A null inside a patch removes a key, so an object that holds nulls cannot be described: views are
dumped with `exclude_none`. Arrays are replaced whole (RFC 7396, section 1).
"""

from typing import Any

Object = dict[str, Any]


def merge_patch(old: Object, new: Object) -> Object:
    """Return the smallest patch that `apply_patch` turns `old` into `new` with; inputs stay."""
    patch: Object = dict.fromkeys(key for key in old if key not in new)
    for key, value in new.items():
        # An equal value is left out; True == 1 in Python, but not in JSON, hence the types.
        if key not in old:
            patch[key] = value
            continue
        before = old[key]
        if before is value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            if inner := merge_patch(before, value):
                patch[key] = inner
        elif before != value or type(before) is not type(value):
            patch[key] = value
    return patch


def apply_patch(target: Object, patch: Object) -> Object:
    """Return `target` with `patch` applied (RFC 7396, section 2); inputs stay."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            inner = result.get(key)
            result[key] = apply_patch(inner if isinstance(inner, dict) else {}, value)
        else:
            result[key] = value
    return result

"""How deep a request may be nested: told from its text, whatever stands in its strings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radlogic.adapters.cds_hooks.request import DEEPEST, parsed
from radlogic.adapters.fhir.errors import NestedTooDeep

LEVELS = DEEPEST + 1  # the request itself, and 64 below it
TEXTS = st.text(alphabet='a"\\[]{}é', max_size=6)
JSON = st.recursive(
    TEXTS | st.none() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def levels(value):
    """Of lists and objects, counted on the value; nothing is shared with the product, which counts on the text."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(levels, inner), default=0)


@given(JSON, st.integers(LEVELS - 6, LEVELS + 2), st.booleans())
def test_more_levels_than_allowed_are_refused_and_no_others(value, around, escaped):
    for number in range(around):
        value = [value] if number % 2 else {'"[{\\': value}
    body = json.dumps(value, ensure_ascii=escaped).encode()

    if levels(value) > LEVELS:
        with pytest.raises(NestedTooDeep):
            parsed(body)
    else:
        assert parsed(body) == value

"""Event patterns: what matches, and what is no pattern."""

from __future__ import annotations

from typing import Any

import pytest

from local.eventbridge.pattern import PatternError, parse_pattern
from tests.support.for_each import for_each

EVENT = {
    "source": "acs.cr",
    "type": "cr:Artifact:PushCompleted",
    "subject": "",
    "count": 3,
    "flag": True,
    "nothing": None,
    "data": {"Tag": "v1", "labels": ["a", "b"], "ip": "10.0.0.7", "deep": {"x": 1.5}},
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        pytest.param({}, True, id="empty"),
        pytest.param({"source": ["acs.cr"]}, True, id="exact"),
        pytest.param({"source": ["acs.oss", "acs.cr"]}, True, id="one-of-two"),
        pytest.param({"source": ["ACS.CR"]}, False, id="case"),
        pytest.param({"source": ["acs.cr"], "type": ["x"]}, False, id="all-fields"),
        pytest.param({"absent": ["x"]}, False, id="absent"),
        pytest.param({"subject": [""]}, True, id="empty-text"),
        pytest.param({"nothing": [None]}, True, id="null"),
        pytest.param({"absent": [None]}, False, id="absent-is-not-null"),
        pytest.param({"count": [3]}, True, id="number"),
        pytest.param({"count": ["3"]}, False, id="number-is-not-text"),
        pytest.param({"flag": [True]}, True, id="true"),
        pytest.param({"flag": [1]}, False, id="true-is-not-1"),
        pytest.param({"data": {"Tag": ["v1"]}}, True, id="nested"),
        pytest.param({"data": {"deep": {"x": [1.5]}}}, True, id="deep"),
        pytest.param({"source": {"x": ["y"]}}, False, id="nested-against-a-text"),
        pytest.param({"data": {"labels": ["b"]}}, True, id="one-element"),
        pytest.param({"data": {"labels": ["c"]}}, False, id="no-element"),
        pytest.param({"source": [{"prefix": "acs."}]}, True, id="prefix"),
        pytest.param({"source": [{"prefix": "cr"}]}, False, id="no-prefix"),
        pytest.param({"count": [{"prefix": "3"}]}, False, id="prefix-of-a-number"),
        pytest.param({"type": [{"suffix": "Completed"}]}, True, id="suffix"),
        pytest.param({"type": [{"suffix": "Push"}]}, False, id="no-suffix"),
        pytest.param({"type": [{"contains": "Push"}]}, True, id="contains"),
        pytest.param({"type": [{"contains": "Pull"}]}, False, id="contains-not"),
        pytest.param({"type": [{"anything-but": "x"}]}, True, id="but-one"),
        pytest.param({"source": [{"anything-but": ["acs.cr", "x"]}]}, False, id="but-a-list"),
        pytest.param({"count": [{"anything-but": 3}]}, False, id="but-a-number"),
        pytest.param({"source": [{"anything-but": {"prefix": "acs."}}]}, False, id="but-a-prefix"),
        pytest.param({"source": [{"anything-but": {"prefix": "x"}}]}, True, id="but-another-prefix"),
        pytest.param({"absent": [{"anything-but": "x"}]}, False, id="but-needs-the-field"),
        pytest.param({"count": [{"numeric": [">", 0, "<=", 3]}]}, True, id="range"),
        pytest.param({"count": [{"numeric": ["<", 3]}]}, False, id="less"),
        pytest.param({"count": [{"numeric": [">=", 3]}]}, True, id="at-least"),
        pytest.param({"count": [{"numeric": ["=", 3.0]}]}, True, id="equal"),
        pytest.param({"source": [{"numeric": [">", 0]}]}, False, id="numeric-of-a-text"),
        pytest.param({"flag": [{"numeric": ["=", 1]}]}, False, id="numeric-of-true"),
        pytest.param({"data": {"ip": [{"cidr": "10.0.0.0/24"}]}}, True, id="cidr"),
        pytest.param({"data": {"ip": [{"cidr": "10.0.1.0/24"}]}}, False, id="other-cidr"),
        pytest.param({"source": [{"cidr": "10.0.0.0/24"}]}, False, id="cidr-of-no-address"),
        pytest.param({"source": [{"exists": True}]}, True, id="exists"),
        pytest.param({"absent": [{"exists": True}]}, False, id="exists-not"),
        pytest.param({"absent": [{"exists": False}]}, True, id="absent-as-wished"),
        pytest.param({"nothing": [{"exists": False}]}, False, id="null-exists"),
        pytest.param({"absent": {"x": [{"exists": False}]}}, True, id="absent-inside-absent"),
        pytest.param({"absent": {"x": ["y"]}}, False, id="value-inside-absent"),
        pytest.param({"source": ["x", {"prefix": "acs"}]}, True, id="value-or-operator"),
    ],
)
def test_a_pattern_meets_the_event(pattern: dict[str, Any], matches: bool) -> None:
    assert parse_pattern(pattern)(EVENT) is matches


@for_each(
    ("pattern", "message"),
    [
        pytest.param([], "pattern: an object", id="list"),
        pytest.param({"a": "x"}, "pattern.a: an array", id="bare-value"),
        pytest.param({"a": []}, "pattern.a: an array of at least one", id="empty-array"),
        pytest.param({"a": {"b": 1}}, "pattern.a.b: an array", id="nested-value"),
        pytest.param({"a": [[1]]}, "pattern.a[0]: a value", id="nested-array"),
        pytest.param({"a": [{}]}, "pattern.a[0]: one operator is expected, none found", id="no-operator"),
        pytest.param({"a": [{"prefix": "x", "suffix": "y"}]}, "one operator", id="two-operators"),
        pytest.param({"a": [{"wildcard": "*"}]}, "'wildcard' is not an operator", id="unknown-operator"),
        pytest.param({"a": [{"prefix": 1}]}, "pattern.a[0].prefix: a text", id="prefix"),
        pytest.param({"a": [{"anything-but": []}]}, "anything-but: a value", id="but-nothing"),
        pytest.param({"a": [{"anything-but": {"suffix": "x"}}]}, "or prefix", id="but-suffix"),
        pytest.param({"a": [{"anything-but": {"prefix": 1}}]}, "prefix: a text", id="but-prefix"),
        pytest.param({"a": [{"numeric": [">"]}]}, "numeric: pairs", id="half-a-pair"),
        pytest.param({"a": [{"numeric": []}]}, "numeric: pairs", id="no-pair"),
        pytest.param({"a": [{"numeric": ["~", 1]}]}, "'~' with 1", id="comparison"),
        pytest.param({"a": [{"numeric": [">", "1"]}]}, "with '1'", id="bound"),
        pytest.param({"a": [{"cidr": "10.0.0.0/99"}]}, "cidr: an IPv4 network", id="cidr"),
        pytest.param({"a": [{"exists": "yes"}]}, "exists: true or false", id="exists"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_place(pattern: Any, message: str) -> None:
    with pytest.raises(PatternError) as raised:
        parse_pattern(pattern)
    assert message in str(raised.value)

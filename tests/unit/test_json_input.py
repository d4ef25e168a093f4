"""Documents from outside: bounded before and after parsing, and named safely in messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.json_input import MAX_BODY_BYTES, MAX_EVENT_BYTES, fingerprint, read_json, shown
from imagecache.base.reasons import Reason

LIMIT = 1024
DEEPEST = 64

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def nested(depth: int, *, mapping: bool = False) -> bytes:
    opening, closing = ('{"a":', "}") if mapping else ("[", "]")
    innermost = "{}" if mapping else "[]"
    return (opening * (depth - 1) + innermost + closing * (depth - 1)).encode()


@given(documents)
def test_a_document_is_read_as_it_was_written(document: Any) -> None:
    assert read_json(json.dumps(document).encode(), limit=MAX_BODY_BYTES, what="body") == document


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.NOT_JSON, id="nothing"),
        pytest.param(b"{", Reason.NOT_JSON, id="unfinished"),
        pytest.param(b"{'a': 1}", Reason.NOT_JSON, id="single quotes"),
        pytest.param(b"1 2", Reason.NOT_JSON, id="two documents"),
        pytest.param(b"NaN", Reason.NOT_JSON, id="NaN"),
        pytest.param(b'{"a": [NaN]}', Reason.NOT_JSON, id="NaN inside"),
        pytest.param(b"Infinity", Reason.NOT_JSON, id="infinity"),
        pytest.param(b"-Infinity", Reason.NOT_JSON, id="minus infinity"),
        pytest.param(b'"\xff"', Reason.NOT_JSON, id="not UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', Reason.NOT_JSON, id="surrogate in UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", Reason.NOT_JSON, id="byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), Reason.NOT_JSON, id="UTF-16"),
        pytest.param(b'"a\nb"', Reason.NOT_JSON, id="newline in a text"),
        pytest.param(b" " * (LIMIT + 1), Reason.TOO_LARGE, id="one byte over the limit"),
        pytest.param(nested(DEEPEST + 1), Reason.TOO_DEEP, id="65 arrays"),
        pytest.param(nested(DEEPEST + 1, mapping=True), Reason.TOO_DEEP, id="65 objects"),
        pytest.param(b'{"a": ' + nested(DEEPEST) + b', "b": 1}', Reason.TOO_DEEP, id="deep beside flat"),
    ],
)
def test_a_document_is_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(InputError) as refused:
        read_json(data, limit=LIMIT, what="body")
    assert refused.value.reason is reason
    assert refused.value.where == "body"
    assert refused.value.rule
    assert refused.value.found


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("bracket", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_a_document_of_200000_brackets_is_refused(bracket: bytes) -> None:
    with pytest.raises(InputError) as refused:
        read_json(bracket * 200_000, limit=MAX_EVENT_BYTES, what="event")
    # How deep the parser itself goes is the interpreter's; it gives up before or at the missing end.
    assert refused.value.reason in {Reason.TOO_DEEP, Reason.NOT_JSON}
    with pytest.raises(InputError) as closed:
        read_json(b"[" * 200_000 + b"]" * 200_000, limit=MAX_EVENT_BYTES, what="event")
    assert closed.value.reason is Reason.TOO_DEEP


@pytest.mark.parametrize("mapping", [False, True], ids=["arrays", "objects"])
def test_64_levels_are_read(mapping: bool) -> None:
    document = read_json(nested(DEEPEST, mapping=mapping), limit=LIMIT, what="body")
    assert isinstance(document, dict if mapping else list)


def test_a_document_of_exactly_the_limit_is_read() -> None:
    assert read_json(b" " * (LIMIT - 1) + b"1", limit=LIMIT, what="body") == 1


def test_of_a_key_that_is_there_twice_only_the_last_value_counts() -> None:
    data = b'{"a": ' + nested(DEEPEST) + b', "a": 1}'
    assert read_json(data, limit=LIMIT, what="body") == {"a": 1}
    with pytest.raises(InputError) as refused:
        read_json(b'{"a": 1, "a": ' + nested(DEEPEST) + b"}", limit=LIMIT, what="body")
    assert refused.value.reason is Reason.TOO_DEEP


def test_a_refusal_repeats_nothing_of_the_document() -> None:
    with pytest.raises(InputError) as refused:
        read_json(b'{"password": "correct horse", }', limit=LIMIT, what="body")
    error = refused.value
    assert "horse" not in f"{error} {error.message} {error.where} {error.rule} {error.found}"


@given(documents)
@example({"a": "\ud800", "\udfff": [1]})
@example("\U0001f600")
def test_a_fingerprint_depends_on_the_content_alone(document: Any) -> None:
    first = fingerprint(document)
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")
    assert fingerprint(json.loads(json.dumps(document))) == first
    assert fingerprint([document]) != first


def test_the_order_of_keys_does_not_change_a_fingerprint_and_that_of_items_does() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    assert fingerprint(["a", "b"]) != fingerprint(["ab"])
    assert fingerprint(1) != fingerprint("1")


@given(st.text(st.characters(), max_size=200) | documents)
@example("\ud800\n\x1b[31m\u2028")
@example('it\'s "both"')
def test_a_shown_value_is_short_printable_ascii(value: Any) -> None:
    text = shown(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 80 * len(r"\U0001f600") + len("...")


def test_a_shown_text_tells_that_it_was_cut() -> None:
    assert shown("a" * 80) == "a" * 80
    assert shown("a" * 81) == "a" * 80 + "..."
    assert shown(None) == "null"
    assert shown({"a": [1]}) == '{"a": [1]}'


def test_a_number_that_no_float_holds_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        read_json(b'{"pushed": 1e999}', limit=100, what="body")
    assert refused.value.reason is Reason.NOT_JSON
    assert read_json(b"[1.5]", limit=100, what="body") == [1.5]

"""The fuzz's mutations: repeatable, of many kinds, and without a hold on what they begin with."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from tests.fuzz.byte_mutations import mutated_text
from tests.fuzz.cases import Case, make_case
from tests.fuzz.mutations import mutated
from tests.fuzz.reading import SOURCES
from tests.fuzz.samples import TARGETS, samples
from tests.fuzz.vocabulary import confused, odd_value, replaced_name
from tests.support.for_each import for_each

TIMES = 200


@pytest.fixture
def chance() -> random.Random:
    return random.Random(1)  # noqa: S311 - repeatable on purpose


@for_each("target", TARGETS)
def test_the_same_seed_gives_the_same_cases_and_another_one_others(target: str) -> None:
    def cases(seed: int) -> list[Case]:
        return [make_case(seed, target, number) for number in range(20)]

    assert cases(1) == cases(1)
    assert cases(1) != cases(2)


@pytest.mark.parametrize(
    "document", [None, [], {}, "text", 7, {"a": [{"b": "c"}]}, *samples("harbor").values()]
)
def test_a_document_of_any_form_is_mutated_and_itself_left_alone(
    document: Any, chance: random.Random
) -> None:
    before = copy.deepcopy(document)
    others = [*samples("quay").values(), None, [], "text"]
    texts = {json.dumps(mutated(document, others, chance)) for _ in range(TIMES)}
    assert len(texts) > TIMES / 10
    assert document == before


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"a": "b"}', b"\xff\xfe", json.dumps(samples("acr")).encode()]
)
def test_bytes_of_any_form_are_mutated(text: bytes, chance: random.Random) -> None:
    assert len({mutated_text(text, chance) for _ in range(TIMES)}) > TIMES / 10


@pytest.mark.parametrize("text", ["", "v1", "registry.example.com/prod/web:v1"])
def test_names_are_confused_with_others(text: str, chance: random.Random) -> None:
    near = {confused(text, chance) for _ in range(TIMES)}
    others = {replaced_name(text, chance) for _ in range(TIMES)}
    assert min(len(near), len(others)) >= 3
    assert all(len(name) < 300 for name in near | others)


def test_odd_values_are_of_every_type(chance: random.Random) -> None:
    found = {type(odd_value(chance)) for _ in range(TIMES)}
    assert found == {str, int, float, bool, type(None), list, dict}


@for_each("source", SOURCES)
def test_a_small_share_of_senders_shows_no_right_proof(source: str) -> None:
    known = [make_case(1, source, number).known for number in range(TIMES)]
    assert 0 < known.count(False) < TIMES / 8

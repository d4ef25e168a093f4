"""The laws of follow-up hold: in short form with the quick tests, whole with the deep ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.laws.laws import LAWS, SWITCHES, Line, Switch, held, storms
from tests.support.depth import sampled

LONG = {held}
"""Hours are as long in short form."""


def over(lines: list[Line]) -> list[Line]:
    return [line for line in lines if not line.holds]


@pytest.mark.parametrize("switch", sampled(SWITCHES, 2), ids=lambda switch: switch.name)
def test_a_storm_costs_what_its_caches_cost(switch: Switch) -> None:
    lines = list(storms(switch, short=True))
    assert len(lines) > 10
    assert over(lines) == []


@pytest.mark.parametrize("law", [law for law in LAWS if law not in LONG], ids=lambda law: law.__name__)
def test_a_law_holds(law: Callable[..., Iterator[Line]]) -> None:
    lines = list(law(short=True))
    assert lines
    assert over(lines) == []


@pytest.mark.deep
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_storms_of_every_size_cost_what_their_caches_cost(switch: Switch) -> None:
    assert over(list(storms(switch, short=False))) == []


@pytest.mark.deep
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_law_holds_at_full_length(law: Callable[..., Iterator[Line]]) -> None:
    assert over(list(law(short=False))) == []

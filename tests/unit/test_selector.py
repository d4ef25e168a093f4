"""Selectors: every criterion must be met, of the values of one any, of the tags all."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector, read_selector
from tests.support.for_each import for_each

CACHE = ImageCache(
    region_id="cn-hangzhou",
    image_cache_id="imc-1",
    name="web-blue",
    status="Ready",
    images=("nginx",),
    tags=(("team", "shop"), ("stage", "prod/eu"), ("empty", "")),
)


@for_each(
    ("document", "expected"),
    [
        pytest.param({"names": ["web-blue"]}, True, id="name"),
        pytest.param({"names": ["web-*"]}, True, id="glob over the name"),
        pytest.param({"names": ["web"]}, False, id="part of the name"),
        pytest.param({"names": ["api-*", "web-*"]}, True, id="one of the names"),
        pytest.param({"names": ["api-*"]}, False, id="another name"),
        pytest.param({"ids": ["imc-1"]}, True, id="id"),
        pytest.param({"ids": ["imc-2", "imc-1"]}, True, id="one of the ids"),
        pytest.param({"ids": ["imc-*"]}, False, id="ids are no globs"),
        pytest.param({"ids": ["imc-11"]}, False, id="longer id"),
        pytest.param({"regions": ["cn-hangzhou"]}, True, id="region"),
        pytest.param({"regions": ["cn-shanghai"]}, False, id="another region"),
        pytest.param({"regions": ["cn-*"]}, False, id="regions are no globs"),
        pytest.param({"tags": [{"key": "team"}]}, True, id="tag with any value"),
        pytest.param({"tags": [{"key": "team", "value": "shop"}]}, True, id="tag with a value"),
        pytest.param({"tags": [{"key": "team", "value": "sh*"}]}, True, id="glob over the value"),
        pytest.param({"tags": [{"key": "team", "value": "pay"}]}, False, id="tag with another value"),
        pytest.param({"tags": [{"key": "te*"}]}, False, id="keys are no globs"),
        pytest.param(
            {"tags": [{"key": "stage", "value": "prod*"}]}, False, id="value with a slash, one star"
        ),
        pytest.param(
            {"tags": [{"key": "stage", "value": "prod**"}]}, True, id="value with a slash, two stars"
        ),
        pytest.param({"tags": [{"key": "empty", "value": ""}]}, True, id="empty value"),
        pytest.param({"tags": [{"key": "team", "value": ""}]}, False, id="empty value wanted, another found"),
        pytest.param({"tags": [{"key": "team"}, {"key": "stage"}]}, True, id="both tags there"),
        pytest.param({"tags": [{"key": "team"}, {"key": "owner"}]}, False, id="one tag missing"),
        pytest.param({"names": ["web-*"], "regions": ["cn-hangzhou"]}, True, id="both criteria met"),
        pytest.param({"names": ["web-*"], "regions": ["cn-shanghai"]}, False, id="region not met"),
        pytest.param({"names": ["api-*"], "ids": ["imc-1"]}, False, id="name not met"),
        pytest.param({"ids": ["imc-1"], "tags": [{"key": "owner"}]}, False, id="tag not met"),
    ],
)
def test_a_selector_document_means_a_cache_or_not(document: dict[str, Any], expected: bool) -> None:
    assert read_selector(document).matches(CACHE) is expected


@for_each(
    ("name", "expected"),
    [("web-blue", True), ("web-*", False), ("web", False), ("", False)],
)
def test_an_exact_name_is_no_glob(name: str, expected: bool) -> None:
    assert CacheSelector(exact_name=name).matches(CACHE) is expected


def test_a_cache_without_a_name_is_meant_by_the_empty_exact_name() -> None:
    nameless = ImageCache("cn-hangzhou", "imc-1", "", "Ready", ("nginx",))
    assert CacheSelector(exact_name="").matches(nameless)
    assert not CacheSelector(exact_name="web").matches(nameless)


names = st.text("ab", max_size=2)
caches = st.builds(
    partial(ImageCache),
    region_id=st.sampled_from(["r1", "r2"]),
    image_cache_id=st.sampled_from(["imc-1", "imc-2"]),
    name=names,
    status=st.just("Ready"),
    images=st.just(("nginx",)),
    tags=st.lists(st.tuples(names, names), max_size=2).map(tuple),
)
values = st.lists(names, max_size=2).map(tuple)
selectors = st.builds(
    partial(CacheSelector),
    ids=st.lists(st.sampled_from(["imc-1", "imc-2"]), max_size=1).map(tuple),
    names=values,
    exact_name=st.none() | names,
    tags=st.lists(st.tuples(names, st.none() | names), max_size=2).map(tuple),
    regions=st.lists(st.sampled_from(["r1", "r2"]), max_size=1).map(tuple),
)


@given(caches)
def test_a_selector_without_criteria_means_every_cache(cache: ImageCache) -> None:
    assert CacheSelector().matches(cache)


@given(selectors, caches)
def test_a_selector_means_a_cache_exactly_if_each_criterion_alone_does(
    selector: CacheSelector, cache: ImageCache
) -> None:
    alone = [
        CacheSelector(ids=selector.ids),
        CacheSelector(names=selector.names),
        CacheSelector(exact_name=selector.exact_name),
        CacheSelector(regions=selector.regions),
        *(CacheSelector(tags=(tag,)) for tag in selector.tags),
    ]
    assert selector.matches(cache) is all(criterion.matches(cache) for criterion in alone)

"""Whatever is in a file: an answer that is JSON, or a mistake that is told; never a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

KEYS = (
    *(
        "ImageCaches",
        "ImageCacheId",
        "ImageCacheName",
        "RegionId",
        "Status",
        "Images",
        "Tags",
        "Events",
        "Key",
        "Value",
    ),
    *("TotalCount", "body", "Code", "Message", "Type", "LastTimestamp", "ImageCacheSize"),
    *(
        "rules",
        "name",
        "caches",
        "names",
        "images",
        "repositories",
        "tags",
        "policy",
        "type",
        "range",
        "pattern",
    ),
    *(
        "time",
        "door",
        "request_id",
        "result",
        "reason",
        "change_id",
        "image",
        "message",
        "outcomes",
        "pushed_at",
    ),
)
VALUES = (
    "Ready",
    "Updating",
    "cn-hangzhou",
    "nginx:1",
    "semver",
    "numerical",
    "*",
    "1.x",
    "imc-refresh",
    "ignored",
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(VALUES),
    st.sampled_from(["2026-03-02T12:00:00Z", "9999-12-31T23:59:59+00:00", "2.zz.1.0....."]),
    st.text(max_size=8),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=25,
)
caches = st.fixed_dictionaries(
    {
        "ImageCacheId": scalars,
        "RegionId": st.just("cn-hangzhou"),
        "Status": st.sampled_from(["Ready", "Failed", 7]),
    },
    optional=dict.fromkeys(("ImageCacheName", "Images", "Tags", "Events", "ImageCacheSize"), documents),
)
records = st.fixed_dictionaries(
    {
        "time": st.sampled_from(["2026-03-02T12:00:00Z", "noon", 7]),
        "door": st.just("on_push"),
        "request_id": st.sampled_from(["nginx:1", "r-1"]),
        "result": st.sampled_from(["landed", "deferred", "other", 7]),
        "reason": st.sampled_from(["LANDED", "UPDATE_RUNNING", 7]),
    },
    optional=dict.fromkeys(
        (
            *("change_id", "image", "image_cache_id", "pushed_at", "staleness_seconds", "covered_by"),
            *("task_id", "follow_task_id", "update_calls", "message", "error", "source"),
        ),
        scalars,
    ),
)
contents = st.one_of(
    st.lists(records, max_size=3).map(lambda each: "\n".join(map(json.dumps, each)).encode()),
    st.binary(max_size=60),
    documents.map(lambda document: json.dumps(document).encode()),
    st.lists(caches, max_size=3).map(lambda each: json.dumps({"ImageCaches": each}).encode()),
)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "nginx:1", "--caches"),
        ("why", "imc-refresh", "nginx:1", "--caches"),
        ("status", "--caches"),
        ("rules", "test"),
        ("rules", "explain"),
        ("records", "--records"),
        ("trace", "nginx:1", "--records"),
        ("report", "--html", "/dev/null", "--records"),
    ],
    ids=" ".join,
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(contents, st.booleans())
@example(b'{"rules": [{"name": "imc-refresh"}]}', True)
@example(b'{"rules": [{"name": "imc-refresh"}]}', False)
def test_a_file_is_answered_or_what_is_wrong_is_told(
    ask: Any, arguments: tuple[str, ...], content: bytes, as_json: bool
) -> None:
    said = ask(*arguments, ask.file(content), *(["--json"] if as_json else []))
    assert said.exit_code in {0, 1, 2}
    assert "Traceback" not in said.stderr
    if said.exit_code == 2:
        assert "error" in said.stderr.lower()
    elif as_json:
        json.loads(said.stdout)
    else:
        assert said.stdout
        assert "\x1b" not in said.stdout

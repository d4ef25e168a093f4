"""What each check makes of what was read: pure functions, without an account."""

from __future__ import annotations

from typing import Any

import pytest

from cli.doctor import alarms, caches, logs, probe, roles, stack, triggers, webhook
from cli.doctor.findings import Finding, NotReadError, State, exit_code, listed, ok, unknown, wrong
from imagecache.model.image_cache import ImageCache
from imagecache.policy.rules import NO_RULES
from local.template.document import Resource
from tests.support.for_each import for_each

ALLOWED, DENIED = (
    ["r eci:UpdateImageCache"],
    "r does not allow eci:UpdateImageCache on acs:eci:*:1:imagecache/*",
)
METRIC = ("acs_fc", "FunctionFunctionErrors", '{"functionName": "f"}')
NEEDED = {"Effect": "Allow", "Action": ["eci:UpdateImageCache"], "Resource": ["acs:eci:*:1:imagecache/*"]}
ROLE = Resource("R", "ALIYUN::RAM::Role", {"Policies": [{"PolicyDocument": {"Statement": [NEEDED]}}]})
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": ["fc.aliyuncs.com"]}}]}


def cache(*images: str, **members: Any) -> ImageCache:
    row = {"ImageCacheId": "imc-1", "ImageCacheName": "web", "Status": "Ready", "Images": list(images)}
    return ImageCache.listed("cn-hangzhou", {**row, **members})


def probed(**manual: Any) -> probe.Probed:
    return probe.Probed({"hand_off": {"signature": "FC"}, **manual})


def ids(second: str, *, wanted: bool = True, task_mode: bool | None = True) -> Finding:
    return probe.task_ids({"hand_off": {"second": second}}, "update", wanted=wanted, task_mode=task_mode)


JUDGED: dict[str, tuple[Finding, State, str]] = {
    "no alarms": (alarms.alarms({}, set()), State.OK, "AlarmContactGroup is empty"),
    "idle functions": (alarms.alarms({METRIC: []}, {METRIC}), State.UNKNOWN, "not invoked lately"),
    "a silent metric": (alarms.alarms({METRIC: []}, set()), State.WRONG, "has no data"),
    "a queue of an odd shape": (alarms.queue("q", {}, "r"), State.OK, "is empty"),
    "a webhook that lets everybody in": (webhook.answered(200, "r", "u"), State.WRONG, "answers 200"),
    "a webhook that is not found": (webhook.answered(404, "r", "u"), State.WRONG, "not 401"),
    "a rule without the source": (
        triggers.rule([{"Status": "ENABLE", "Targets": [{"Endpoint": "x/f"}]}], "f", "r", "u"),
        State.WRONG,
        "does not take events",
    ),
    "ids in a region without task mode": (ids("now", wanted=False), State.OK, "has no task mode"),
    "ids in task mode": (ids("now"), State.WRONG, "is in task mode"),
    "ids where the mode is not known": (ids("now", task_mode=None), State.UNKNOWN, "was stored"),
    "ids that are refused oddly": (ids("refused"), State.OK, "not documented"),
    "no id": (probe.task_ids({}, "u", wanted=True, task_mode=True), State.UNKNOWN, "no task"),
    "a task that was not seen": (probe.delay(probed()), State.UNKNOWN, "was not seen"),
    "a task that could not be looked for": (
        probe.delay(probe.Probed({"hand_off": {"signature": "FC"}}, ran={"unread": "why", "remedy": "r"})),
        State.UNKNOWN,
        "why",
    ),
    "a creation that failed": (
        caches.failing([cache("a:1", Status="Failed")], "r"),
        State.WRONG,
        "web is Failed",
    ),
    "a cache that cannot be read": (
        caches.unreachable([cache(Images=7)], NO_RULES),
        State.WRONG,
        "cannot be read",
    ),
    "a cache without a reference": (
        caches.unreachable([cache(":")], NO_RULES),
        State.WRONG,
        "no image reference",
    ),
    "a cache that is pinned on purpose": (
        caches.unreachable([cache("a@sha256:" + "0" * 64)], NO_RULES),
        State.OK,
        "left alone: web",
    ),
    "a region that was not listed": (
        caches.compare([cache("a:1")], {"f": {"regions": [{"region_id": "cn-hangzhou", "error": "x"}]}}, "u"),
        State.OK,
        "all 1",
    ),
    "a key of another type": (
        logs.index({"KeyIndices": [{"Name": "a", "Type": "long"}]}, {"keys": {"a": {"type": "text"}}}, "u"),
        State.WRONG,
        "1 keys are not indexed: a",
    ),
    "drift whose resources are not told": (
        stack.drift({"StackDriftStatus": "DRIFTED"}, [], "r", "u"),
        State.WRONG,
        "a resource was changed",
    ),
    "a resource that failed": (
        stack.resources({"A": ROLE}, {"A": {"Status": "CREATE_FAILED"}}, "u"),
        State.WRONG,
        "A is CREATE_FAILED",
    ),
    "a resource too many": (
        stack.resources({}, {"A": {"Status": "CREATE_COMPLETE"}}, "u"),
        State.WRONG,
        "not of this checkout's",
    ),
}


@for_each("name", JUDGED)
def test_it_is_judged(name: str) -> None:
    finding, state, text = JUDGED[name]
    assert (finding.state, text in finding.text) == (state, True), finding
    assert bool(finding.remedy) or state is not State.WRONG


@for_each(
    ("statement", "problems", "notes"),
    [
        (NEEDED, [], []),
        ({**NEEDED, "Action": "eci:*", "Resource": "*"}, [], []),
        ({**NEEDED, "Resource": ["acs:eci:*:1:imagecache/imc-1"]}, [], ALLOWED),
        (
            {**NEEDED, "Condition": {"Bool": {"acs:SecureTransport": ["true"]}}},
            [],
            ALLOWED,
        ),
        (
            {**NEEDED, "Effect": "Deny"},
            ["r does not allow eci:UpdateImageCache on acs:eci:*:1:imagecache/*"],
            [],
        ),
        (
            {**NEEDED, "Action": ["eci:*"], "Condition": {"StringEquals": {"eci:tag/a": "b"}}},
            ["r has a condition on eci:DescribeImageCaches: a listing that it refuses looks empty"],
            ALLOWED,
        ),
    ],
    ids=["the same", "wider", "narrower", "a condition", "denied", "a condition on tags"],
)
def test_a_role_is_compared_with_the_template(statement: Any, problems: list[str], notes: list[str]) -> None:
    assert roles.judge_role("r", ROLE, TRUST, [{"Statement": [statement]}]) == (problems, notes)


def test_a_statement_that_says_what_is_not_meant_is_not_judged() -> None:
    with pytest.raises(NotReadError, match="NotAction"):
        roles.judge_role("r", ROLE, TRUST, [{"Statement": {"Effect": "Allow", "NotAction": "ram:*"}}])


def test_the_exit_code_is_that_of_the_worst_line() -> None:
    good, bad, open_ = ok("a", "t"), wrong("b", "t", "r"), unknown("c", "t")
    assert [exit_code(each) for each in ([good], [good, bad, open_], [good, open_])] == [0, 1, 2]


def test_a_long_list_is_cut() -> None:
    assert listed("abcdefg") == "a, b, c, d, e, and 2 more"

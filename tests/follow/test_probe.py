"""An operator's probe says what a function can reach, stores itself alone, and touches no image cache."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from imagecache.base.errors import CredentialsError, PermanentError, RegistryError
from imagecache.base.reasons import Reason
from imagecache.config.settings import FollowSettings, Settings
from imagecache.engine.probing import answer_probe
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.change import Probe
from imagecache.model.image_cache import ImageCache
from imagecache.policy.rules import Rule, Rules
from tests.support.depth import every_value
from tests.support.fake_clients import FakeClients, FixedTime

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
REGION = "cn-hangzhou"
ALL = ["image_caches", "registries", "hand_off"]
FC, ACS3 = "FC ", "ACS3-HMAC-SHA256 "
DENIED = PermanentError(Reason.PERMISSION_DENIED, "ECI answered 403 NoPermission", code="NoPermission")


def ask(*checks: str, **more: Any) -> dict[str, Any]:
    return {"probe": {"id": "p-1", "checks": list(checks), **more}}


@pytest.mark.parametrize("over_http", [False, True])
def test_a_probe_lists_and_stores_itself_and_is_recorded(world: Any, over_http: bool) -> None:
    world.cache()
    body = ask(*ALL, delaySeconds=5)
    told = world.http("on_manual", "/", body) if over_http else world.manual(**body)
    assert told.said == [("ignored", "PROBED")]
    assert told.answer["statusCode"] == 200
    probe = told.record["probe"]
    assert probe["regions"] == [{"region_id": REGION, "caches": 1}]
    assert probe["update"]["code"] == "InvalidParameter.NotFound"
    assert probe["registries"] == []
    stored = probe["hand_off"]
    seconds = stored.pop("seconds")
    assert 0 <= seconds < 60
    due = stored.pop("due")
    assert stored == {"task_id": "probe-p-1", "first": "now", "second": "before", "signature": "FC"}
    assert (world.updates(), world.tasks.delays) == ([], [5])

    ran = world.run_next()

    assert ran.said == [("ignored", "PROBED")]
    assert ran.record["event_id"] == "p-1"
    assert ran.record["probe"]["due"] == due
    assert ran.record["probe"]["early_seconds"] == pytest.approx(0, abs=0.1)
    assert world.run_next() is None


def test_one_that_runs_at_once_says_how_early_it_is(world: Any) -> None:
    world.manual(**ask("hand_off", delaySeconds=5))
    ran = world.follow(world.tasks.take().document)
    assert ran.record["probe"]["early_seconds"] == pytest.approx(5, abs=0.1)
    assert ran.record["message"].endswith(" s before its time")


@pytest.mark.parametrize("takes", [(FC,), (ACS3,), (FC, ACS3)], ids=["fc2's", "ACS3", "both"])
def test_the_signature_that_was_taken_is_named(world: Any, takes: tuple[str, ...]) -> None:
    world.tasks.takes = takes
    stored = world.follow(ask("hand_off")).record["probe"]["hand_off"]
    assert stored["signature"] == takes[0].strip()


def test_where_no_signature_is_taken_the_probe_says_what_is_needed(world: Any) -> None:
    world.tasks.takes = ()
    told = world.manual(**ask("hand_off"))
    assert told.said == [("ignored", "PROBED")]
    stored = told.record["probe"]["hand_off"]
    assert stored["error"].endswith("the function's role needs fc:InvokeFunction of on-follow")
    assert "signature" not in stored


def test_an_id_that_is_refused_with_another_code_is_told_apart(world: Any) -> None:
    world.tasks.conflict = "ConcurrentUpdateError"
    stored = world.manual(**ask("hand_off")).record["probe"]["hand_off"]
    assert (stored["first"], stored["second"]) == ("now", "refused")


def test_without_a_follow_function_nothing_is_stored(world: Any) -> None:
    world.delenv("IMC_FOLLOW_FUNCTION")
    stored = world.manual(**ask("hand_off")).record["probe"]["hand_off"]
    assert "IMC_FOLLOW_FUNCTION is not set" in stored["error"]


@every_value
@pytest.mark.parametrize("door", ["manual", "follow"])
@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"probe": {}}, "/probe"),
        ({"probe": {"id": "a b"}}, "/probe/id"),
        ({"probe": {"id": "p", "checks": ["everything"]}}, "/probe/checks/0"),
        ({"probe": {"id": "p", "delaySeconds": 61}}, "/probe/delaySeconds"),
        ({"probe": {"id": "p", "due": "2026-02-30T00:00:00+00:00"}}, "/probe/due"),
        ({"probe": {"id": "p"}, "image": "nginx"}, "/"),
        ({"probe": "p"}, "/probe"),
    ],
    ids=["no id", "id", "check", "delay", "no such time", "another key", "a text"],
)
def test_a_bad_probe_is_refused_with_the_place(world: Any, door: str, body: Any, where: str) -> None:
    told = world.manual(**body) if door == "manual" else world.follow(body)
    assert told.said == [("rejected", "SCHEMA_VIOLATION")]
    assert told.record["error"]["where"] == where
    assert world.tasks.waiting == []


class Gateway:
    def __init__(self, caches: Any, update: Exception | None = None) -> None:
        self._caches, self._update = caches, update

    def list_image_caches(self, _region_id: str) -> Any:
        if isinstance(self._caches, Exception):
            raise self._caches
        return self._caches

    def update_image_cache(self, _request: Any) -> None:
        if self._update:
            raise self._update


class Reader:
    """One registry answers."""

    def tags(self, registry: str, _repository: str) -> frozenset[str]:
        if registry != "one.example.com":
            raise RegistryError(f"{registry}: 401")
        return frozenset({"1", "2"})


def answered(*checks: str, gateway: Any = None, settings: Settings | None = None, **clients: Any) -> Any:
    work = Work(
        settings or Settings((REGION,)),
        FakeClients(gateway, **clients),
        FixedTime(lambda: 60.0),
        "r-1",
        Warm(lambda: NOW),
    )
    _, facts = answer_probe(work, Probe("p-1", frozenset(checks)))
    return facts["probe"]


def test_what_eci_refuses_is_named_by_reason_and_code() -> None:
    probe = answered("image_caches", gateway=Gateway(DENIED, DENIED))
    why = {"reason": "PERMISSION_DENIED", "code": "NoPermission", "error": "ECI answered 403 NoPermission"}
    assert probe["regions"] == [{"region_id": REGION, **why}]
    assert probe["update"] == why


def test_an_update_of_no_cache_that_is_accepted_is_told() -> None:
    assert answered("image_caches", gateway=Gateway(()))["update"] == {"accepted": True}


def test_nothing_is_sent_in_a_dry_run() -> None:
    probe = answered("image_caches", gateway=Gateway((), DENIED), settings=Settings((REGION,), dry_run=True))
    assert probe["update"] == {"error": "not asked, as IMC_DRY_RUN is set"}


def test_without_credentials_each_check_says_so() -> None:
    class Bare(FakeClients):
        @property
        def eci(self) -> Any:
            raise CredentialsError("no role")

        @property
        def task_store(self) -> Any:
            raise CredentialsError("no role")

    settings = Settings((REGION,), follow=FollowSettings("on-follow", "https://fc"))
    work = Work(settings, Bare(), FixedTime(lambda: 60.0), "r-1", Warm(lambda: NOW))
    _, facts = answer_probe(work, Probe("p-1", frozenset(ALL)))
    probe = facts["probe"]
    assert probe["regions"] == [{"region_id": REGION, "reason": "CREDENTIALS_MISSING", "error": "no role"}]
    assert probe["hand_off"]["error"] == "no role"


def test_each_registry_that_a_rule_reads_is_asked_once() -> None:
    rules = Rules((Rule("reads", tags=("1*",), reads_registry=True),))
    images = tuple(f"{host}.example.com/app/{name}:{tag}" for host, name, tag in (
        ("one", "a", "1"), ("one", "b", "1"), ("two", "c", "1"), ("three", "d", "2"),
    ))  # fmt: skip
    cache = ImageCache(image_cache_id="imc-1", region_id=REGION, name="web", status="Ready", images=images)
    probe = answered(
        "registries", gateway=Gateway((cache,)), settings=Settings((REGION,), rules=rules), reader=Reader()
    )
    assert probe["registries"] == [
        {"registry": "one.example.com", "repository": "app/a", "tags": 2},
        {"registry": "two.example.com", "repository": "app/c", "error": "two.example.com: 401"},
    ]

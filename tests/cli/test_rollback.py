"""``imc-refresh rollback``: an earlier list is back, and stays, whatever comes; on the local cloud."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from cli.act.earlier_lists import list_before
from cli.act.hold_tags import HoldTags
from cli.problem import Problem
from cli.sources.account import local_account
from cli.sources.record_lines import records_of
from imagecache.model.image_cache import ImageCache
from local.cloud.cloud import Cloud
from local.permissions.credentials import CredentialStore
from tests.support.eci import REGION
from tests.support.for_each import for_each
from tests.support.http_server import QuietHandler, serve_http
from tests.support.operator import (
    API,
    HOLD,
    WEB,
    Act,
    Typed,
    account_environment,
    config,
    key_of,
    policies,
)
from tests.support.waiting import wait_until

GOOD, BAD = f"{WEB}:v1.0.0", f"{WEB}:v1.1.0"


def settled(act: Act, *ids: str) -> None:
    """Wait until caches are Ready, and nothing more is stored for any cache."""
    wait_until(lambda: waiting(act) == 0, lambda: str(waiting(act)), 60)
    for identifier in ids:
        act.cloud.control.wait_for(identifier, "Ready", 30)


def waiting(act: Act) -> int:
    """How many invocations are stored and not done."""
    return sum(each["state"] in {"waiting", "running"} for each in act.cloud.fc.deliveries())


@pytest.mark.deep
def test_a_rollback_stays_whatever_comes(ask: Any, tmp_path: Path) -> None:
    """Ten pushes, a sweep, a follow task that was under way, a restart; and a cache that has 20 tags."""
    own = {
        name: {f"key-{number}": "" for number in range(count)} for name, count in (("web", 2), ("full", 19))
    }
    with Cloud(config(tmp_path / "state")) as cloud:
        cloud.control.settings(rebuild_seconds=0.5)
        act = Act(ask, cloud, "")
        ids = {name: act.cache(GOOD, "redis:7", name=name, tags=tags) for name, tags in own.items()}
        assert act.push("v1.1.0") == [("refreshed", "TAG_PROMOTED")] * 2
        settled(act, *ids.values())
        # One update runs, and another one waits for it in a follow task.
        for identifier in ids.values():
            cloud.control.builds(identifier, rebuild_seconds=600)
        assert act.push("v1.1.0") == [("refreshed", "TAG_REPUSHED")] * 2
        assert act.push("v1.2.0") == [("deferred", "CACHE_BUSY")] * 2
        for name in ids:
            said = act.one("rollback", name, "--by", "ann", "--no-wait")
            assert (said["answered"]["result"], said["images_after"]) == ("deferred", [GOOD, "redis:7"])
        for number in range(3, 8):
            assert act.push(f"v1.{number}.0") == [("ignored", "HELD")] * 2
    # What waits is stored by the platform, and goes on.
    with Cloud(config(tmp_path / "state")) as cloud:
        act = Act(ask, cloud, "", pushes=100)
        for identifier in ids.values():
            cloud.control.builds(identifier, rebuild_seconds=0.5)
            cloud.control.force(identifier, "Ready")
        for identifier in ids.values():
            wait_until(lambda: act.images(identifier) == [GOOD, "redis:7"], seconds=60)  # noqa: B023
        settled(act, *ids.values())
        for number in range(3, 8):
            assert act.push(f"v1.{number}.0") == [("ignored", "HELD")] * 2
        cloud.fire_timer("sweep")
        settled(act, *ids.values())
        for name, identifier in ids.items():
            landed(act, identifier, GOOD, "redis:7")
            tags = cloud.control.cache(identifier)["tags"]
            assert tags[HOLD].startswith("by=ann;why=rollback, as it was at ")
            assert {key: tags[key] for key in tags if not key.startswith("imc-refresh")} == own[name]
        # A tag that is listed is still kept fresh, and after the release the next push is taken.
        assert act.push("v1.0.0") == [("refreshed", "TAG_REPUSHED")] * 2
        act.json("release", *ids)
        settled(act, *ids.values())
        assert act.push("v1.8.0") == [("refreshed", "TAG_PROMOTED")] * 2


@pytest.fixture
def promoted(act: Act) -> str:
    """A cache that had the good list and got the bad one."""
    identifier = act.cache(GOOD, "redis:7")
    assert act.push("v1.1.0") == [("refreshed", "TAG_PROMOTED")]
    act.cloud.control.wait_for(identifier, "Ready")
    return identifier


def landed(act: Act, identifier: str, *images: str) -> None:
    """The cache is back, and held."""
    assert (act.images(identifier), act.hold(identifier) is not None) == (list(images), True)


# Which list


def test_without_a_word_it_is_the_list_that_was_served_before(act: Act, promoted: str) -> None:
    said = act("rollback", act.name, "--yes")
    assert said.exit_code == 0
    landed(act, promoted, GOOD, "redis:7")
    assert act.push("v1.2.0") == [("ignored", "HELD")]
    # It never goes forward again.
    said = act("rollback", act.name, "--yes")
    assert (said.exit_code, "none tells what" in said.stderr) == (2, True)
    landed(act, promoted, GOOD, "redis:7")


@for_each(
    ("now", "served", "before"),
    [
        ("c", "a b c", "b"),
        ("c", "a b b c c", "b"),
        ("b", "a b c b", "a"),
        ("a", "a b a", None),
        ("x", "a b", "b"),
        ("c", "a !b c", "a"),
        ("!b", "a !b", "a"),
        ("a", "", None),
    ],
)
def test_a_list_was_served_if_the_cache_was_ready_with_it(now: str, served: str, before: str | None) -> None:
    """A list with ! is one that failed."""
    cache = ImageCache(REGION, "imc-1", "web", "Ready", (now,))
    about = {"door": "on_push", "request_id": "r", "result": "ignored", "reason": "HELD", "region_id": REGION}
    lines: list[dict[str, Any]] = [
        {
            **about,
            "time": f"2026-03-02T12:00:{second:02d}Z",
            "image_cache_id": "imc-1",
            "cache_status": "UpdateFailed" if image.startswith("!") else "Ready",
            "images_before": [image],
        }
        for second, image in enumerate(served.split())
    ]
    others = [{**line, "image_cache_id": "imc-2", "images_before": ["z"]} for line in lines[-1:]]
    records = records_of([*lines, *others])
    assert len(records) == len(lines) + len(others)
    if before is None:
        with pytest.raises(Problem, match="none tells what"):
            list_before(cache, records)
    else:
        assert list_before(cache, records).images == (before,)


def test_a_record_is_named_by_an_id(act: Act, promoted: str) -> None:
    (record,) = act.pushed("v1.2.0")
    act.cloud.control.wait_for(promoted, "Ready")
    act.pushed("v1.3.0")
    act.cloud.control.wait_for(promoted, "Ready")
    said = act.one("rollback", act.name, "--to", record["event_id"], "--why", "v1.3.0 leaks", "--by", "ann")
    assert said["ended"]["result"] == "landed"
    landed(act, promoted, f"{WEB}:v1.2.0", "redis:7")
    assert act.hold(promoted) == "by=ann;why=v1.3.0 leaks"
    (ignored,) = act.pushed("v1.4.0")
    said = act("rollback", act.name, "--to", ignored["change_id"], "--yes")
    assert (said.exit_code, "none is an update of" in said.stderr) == (2, True)


def test_a_tag_needs_no_records(act: Act, promoted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
        environment = account_environment(act.cloud, store.issue())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    said = act.ask("rollback", act.name, "--yes")
    assert (said.exit_code, "STS at" in said.stderr) == (2, True)
    said = act.ask("rollback", act.name, "--to", "v0.9.0", "--yes")
    assert (said.exit_code, "is taken for a tag, as no records can be read" in said.stderr) == (2, True)
    assert "which of them goes back to v0.9.0?" in said.stderr
    said = act.ask.json("rollback", act.name, "--to", f"{WEB}:v0.9.0", "--for", "1d", "--yes")
    assert said["caches"][0]["ended"]["result"] == "landed"
    landed(act, promoted, f"{WEB}:v0.9.0", "redis:7")
    assert str(act.hold(promoted)).startswith("until=")


@pytest.mark.parametrize(
    ("host", "to"),
    [
        ("acme-registry-vpc", f"{WEB}:v1.0.0"),
        ("acme-registry", "web:v1.0.0"),
        ("acme-registry-vpc", "prod/web:v1.0.0"),
    ],
)
def test_an_entry_keeps_its_form_and_its_place(act: Act, host: str, to: str) -> None:
    own = WEB.replace("acme-registry", host)
    identifier = act.cache("redis:7", f"{own}:v1.2.0", f"{API}:v1.2.0", f"{own}:v1.1.0", tags={"keeps": ""})
    said = act("rollback", act.name, "--to", "v1.0.0", "--yes")
    assert said.exit_code == 2
    assert "which of them goes back to v1.0.0?" in said.stderr
    act.one("rollback", act.name, "--to", to)
    landed(act, identifier, "redis:7", f"{own}:v1.0.0", f"{API}:v1.2.0")


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("v1.1.0", "has this list now"),
        (f"{API}:v1.0.0", f"lists no tag of {API}"),
        ("eb:v1.0.0", "lists no tag of eb"),
        ("no/Such:tag", "--to no/Such:tag is in no record"),
        ("not a tag", "--to not a tag is in no record"),
        (WEB, "names no tag alone"),
        (f"{WEB}:v1@sha256:{'0' * 64}", "names no tag alone"),
    ],
)
def test_a_list_that_means_nothing_is_told(act: Act, to: str, told: str) -> None:
    identifier = act.cache(f"{WEB}:v1.1.0")
    said = act("rollback", act.name, "--to", to, "--yes")
    assert (said.exit_code, told in said.stderr) == (2, True), said.stderr
    assert (act.hold(identifier), act.cloud.control.history(identifier)) == (None, [])


def test_records_of_a_file_do(act: Act, promoted: str) -> None:
    records = act.ask.file("\n".join(json.dumps(record) for record in act.cloud.outcomes()), "records.jsonl")
    said = act.one("rollback", act.name, "--records", records, "--since", "1h")
    assert said["ended"]["result"] == "landed"
    landed(act, promoted, GOOD, "redis:7")


# Two people at once, and a cache that changes


def test_a_list_that_changed_meanwhile_is_left_alone(act: Act, promoted: str) -> None:
    def change() -> None:
        tags = act.cloud.control.cache(promoted)["tags"]
        act.cache("nginx:1", image_cache_id=promoted, tags=tags)

    said = act.agreeing("rollback", act.name, "--to", "v1.0.0", before=change)
    assert said.exit_code == 1
    assert "LIST_DIFFERS" in said.stdout
    assert "the hold is as it was before" in said.stderr
    assert (act.images(promoted), act.hold(promoted)) == (["nginx:1"], None)


@pytest.mark.parametrize("value", ["by=bob;why=mine", None])
def test_a_hold_that_changed_meanwhile_is_left_alone(act: Act, promoted: str, value: str | None) -> None:
    act.one("hold", act.name, "--by", "ann")
    said = act.agreeing("rollback", act.name, "--to", "v1.0.0", before=lambda: set_hold(act, promoted, value))
    assert said.exit_code == 1
    assert "somebody has changed the hold: it is" in said.stderr
    assert (act.images(promoted), act.hold(promoted)) == ([BAD, "redis:7"], value)


@pytest.mark.parametrize(
    ("value", "told"), [("by=bob;why=mine", "somebody else holds it now"), (None, "somebody has released it")]
)
def test_a_hold_that_changes_while_it_is_watched_is_told(
    act: Act, promoted: str, value: str | None, told: str
) -> None:
    act.cloud.control.builds(promoted, rebuild_seconds=2)
    before = len(act.cloud.control.history(promoted))

    def other() -> None:
        wait_until(lambda: len(act.cloud.control.history(promoted)) > before)
        set_hold(act, promoted, value)

    thread = threading.Thread(target=other)
    thread.start()
    said = act("rollback", act.name, "--to", "v1.0.0", "--yes")
    thread.join()
    assert (said.exit_code, told in said.stderr) == (1, True)
    assert (act.images(promoted), act.hold(promoted)) == ([GOOD, "redis:7"], value)


def set_hold(act: Act, identifier: str, value: str | None) -> None:
    """What somebody else does."""
    with local_account(str(act.cloud.config.state), ()).eci() as eci:
        cache = eci.describe_image_cache(REGION, identifier)
        assert cache is not None
        if value is None:
            HoldTags(eci).clear(cache)
        else:
            eci.tag_image_cache(REGION, identifier, HOLD, value)


def test_a_hold_that_was_there_is_replaced_and_put_back(act: Act, promoted: str) -> None:
    set_hold(act, promoted, "by=bob;why=mine")
    act.cloud.control.inject("error", action="UpdateImageCache", code="NoPermission", status=403)
    said = act("rollback", act.name, "--to", "v1.0.0", "--by", "ann", "--yes")
    assert said.exit_code == 1
    assert "takes the place of the hold that it has without end by bob: mine" in said.stdout
    assert "403 NoPermission" in said.stdout
    assert act.hold(promoted) == "by=bob;why=mine"
    assert act.one("rollback", act.name, "--to", "v1.0.0", "--by", "ann")["ended"]["result"] == "landed"
    assert str(act.hold(promoted)).startswith("by=ann;why=rollback, with v1.0.0 of ")


def test_a_cache_that_is_gone_is_told(act: Act, promoted: str) -> None:
    said = act.agreeing(
        "rollback", act.name, "--to", "v1.0.0", before=lambda: act.cloud.control.delete_cache(promoted)
    )
    assert (said.exit_code, "is not there any more" in said.stderr) == (1, True)


@pytest.mark.parametrize("mode", ["forbid", "unknown"])
def test_where_no_hold_can_be_set_nothing_is_rolled_back(act: Act, promoted: str, mode: str) -> None:
    act.cloud.control.settings(tag_calls=mode)
    said = act.one("rollback", act.name, "--to", "v1.0.0", exit_code=1)
    assert (said["answered"], "could not be held" in said["notes"][0]) == (None, True)
    assert act.images(promoted) == [BAD, "redis:7"]


def test_with_twenty_tags_of_ones_own_nothing_is_asked(act: Act) -> None:
    identifier = act.cache(BAD, tags={f"key-{number}": "" for number in range(20)})
    said = act("rollback", act.name, "--to", "v1.0.0", "--yes")
    assert (said.exit_code, "take one of them away" in said.stderr) == (2, True)
    assert act.cloud.control.history(identifier) == []


def test_a_list_that_cannot_be_built_stays_held(act: Act, promoted: str) -> None:
    act.cloud.control.builds(promoted, failing_builds=-1, failure_message="manifest unknown")
    said = act.json("rollback", act.name, "--to", "v1.0.0", exit_code=1)["caches"][0]
    assert (said["ended"]["result"], "manifest unknown" in said["ended"]["message"]) == ("failed", True)
    assert act.hold(promoted) is not None


def test_a_call_that_is_refused_leaves_the_hold_as_it_was(
    act: Act, promoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policies()[1]
    for name, value in account_environment(act.cloud, key_of(act.cloud, act.name, policy)).items():
        monkeypatch.setenv(name, value)
    less = {**policy, "Statement": policy["Statement"][:1]}
    rollback = ("rollback", act.name, "--to", "web:v1.0.0")
    typed = Typed(lambda: key_of(act.cloud, act.name, less))
    said = act.ask(*rollback, given=typed)
    assert (said.exit_code, "it was not done: Function Compute answered 403" in said.stderr) == (1, True)
    assert (act.images(promoted), act.hold(promoted)) == ([BAD, "redis:7"], None)


def test_where_it_is_not_known_what_was_done_the_cache_stays_held(
    act: Act, promoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Function Compute answers what would be done, and then breaks the connection."""
    with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
        environment = account_environment(act.cloud, store.issue())

    class Breaking(QuietHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if b"dryRun" in body:
                answer = act.cloud.invoke("on_manual", body)
                self.answer(200, answer.payload)
            self.close_connection = True

    with serve_http(Breaking) as host:
        for name, value in (environment | {"IMC_FC_ENDPOINT": f"http://{host}"}).items():
            monkeypatch.setenv(name, value)
        said = act.ask("rollback", act.name, "--to", "web:v1.0.0", "--yes")
    assert said.exit_code == 1
    assert "whether it is done is not known" in said.stderr
    assert "it is held" in said.stderr
    assert act.hold(promoted) is not None


def test_ctrl_c_before_the_answer_leaves_it_held_and_says_so(
    act: Act, promoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
        environment = account_environment(act.cloud, store.issue())
    over, interrupted = threading.Event(), threading.Event()

    def interrupt(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    class Slow(QuietHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if b"dryRun" in body:
                self.answer(200, act.cloud.invoke("on_manual", body).payload)
            else:
                # A signal that comes just before the thread begins to wait for the answer wakes nobody.
                while not interrupted.wait(0.2):
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                over.wait(20)
                self.close_connection = True

    before = signal.signal(signal.SIGINT, interrupt)
    with ExitStack() as ended, serve_http(Slow) as host:
        ended.callback(signal.signal, signal.SIGINT, before)
        for name, value in (environment | {"IMC_FC_ENDPOINT": f"http://{host}"}).items():
            monkeypatch.setenv(name, value)
        said = act.ask.json("rollback", act.name, "--to", f"{WEB}:v1.0.0", "--yes", exit_code=130)
        over.set()
    assert said["caches"][0]["notes"] == [
        "whether it is done is not known: you stopped before the answer",
        "it is held",
    ]
    assert act.hold(promoted) is not None

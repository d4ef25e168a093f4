"""The fault matrix: every fault, at every step, at every entry point; nothing that was pushed is ever lost.

The law, when all is quiet again: the cache was rebuilt by an update that started after the push and ended
Ready, or the event is among the dead letters, or its sender was told of the failure to the last. Faults that
pass have to be survived; only those that last may end in a dead letter or a refusal.

The deep run has every fault at every step of every entry point, except for those that take seconds each
and the variants of an unreadable answer: these go through all steps and all entry points, but not through all
pairs of them. ``FAULT_MATRIX=full`` in the environment runs all. The quick run has a few faults once each,
and thereby every step and every entry point at least once; the deep run leaves out what the quick one plays.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import httpx
import pytest

from local.base.loopback import LOOPBACK
from tests.matrix.faulty_proxy import Answer, Fault, eci_error
from tests.matrix.world import DOORS, REGION, SETTLE_SECONDS, World
from tests.support.waiting import wait_until

HOST = f"acme-registry.{REGION}.cr.aliyuncs.com"
PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
ALWAYS = 1_000_000
ATTEMPTS = 3
"""Of one call in one invocation: a fault of so many calls is not survived by trying again at once."""
LONG = 3 * ATTEMPTS
DELIVERIES = 5
"""How often a webhook's sender tries."""
SENDER_SECONDS = 0.02
LONG_AGO = datetime.now(timezone.utc) - timedelta(days=30)
MEMORY = f"{LONG_AGO:%Y%m%dT%H%M%S%fZ}.0.0123456789ab"
"""What a cache remembers of an update long ago. One that is in UpdateFailed and remembers nothing is updated
once in two hours, which is longer than a case is waited for."""
MEMORY_OF_FAILURES = f"{LONG_AGO:%Y%m%dT%H%M%S%fZ}.3.0123456789ab"
"""The same of an update that was, in a row, the third repetition of a failed one."""
CREATED = {"type": "Normal", "reason": "Ready", "message": "", "at": LONG_AGO.timestamp() - 60}
"""As each cache of the cloud has it: an update that was not made must not be taken for this."""
FAILED_REBUILDS = 2
"""In a row; the functions bear three."""
ALL_PAIRS = os.environ.get("FAULT_MATRIX") == "full"

STEPS = ("list", "describe", "update", "hand_off", "deferral", "verify")
"""``deferral`` is a hand-off of what is not done yet: ECI throttles its update."""
HAND_OFFS = ("hand_off", "deferral")


def answered(
    status: int, body: bytes = b"{}", content_type: str = "application/json"
) -> Callable[[str], Answer]:
    return lambda _target: Answer(status, body, content_type)


THROTTLED = Fault("throttled", answer=eci_error("Throttling"), hits=ATTEMPTS)
EVERYWHERE = (
    Fault("html 502", answer=answered(502, PAGE, "text/html"), hits=ATTEMPTS),
    Fault("no http", answer=answered(0, b"\0\1\2 garbage\r\n\r\n"), passes=1, hits=ATTEMPTS),
    Fault("reset before", ending="reset", hits=ATTEMPTS),
    Fault("reset after", passes=1, ending="reset", hits=ATTEMPTS),
    Fault("key rotated", rotates=True, passes=1),
    Fault("killed before", stop=signal.SIGKILL),
    Fault("killed after", passes=1, stop_after=signal.SIGKILL),
)
OF_ECI = (
    Fault("busy", answer=eci_error("IncorrectStatus"), hits=ATTEMPTS),
    THROTTLED,
    # Longer than the entry point and the first follow tasks try.
    Fault("throttled for long", answer=eci_error("Throttling"), hits=LONG),
    Fault("capacity", answer=eci_error("QuotaExceeded")),
    Fault("permanent", answer=eci_error("NoPermission")),
    Fault("500", answer=eci_error("InternalError"), hits=ATTEMPTS),
    Fault("permanent for good", answer=eci_error("NoPermission"), hits=ALWAYS),
)
OF_HAND_OFF = (
    # Function Compute says so only of a task that it has: a 409 without one would break its word, not ours.
    Fault("409", passes=2),
    # A refusal may be about the signature, of which there are two.
    Fault("403 to one signature", answer=answered(403)),
    Fault("403", answer=answered(403), hits=2),
    Fault("429", answer=answered(429), hits=ATTEMPTS),
    Fault("500", answer=answered(500), hits=ATTEMPTS),
    Fault("503", answer=answered(503), hits=ATTEMPTS),
    Fault("stored, 500", passes=1, answer=answered(500), hits=ATTEMPTS),
    Fault("500 for good", answer=answered(500), hits=ALWAYS),
)
UNREADABLE = (
    Fault("no json", passes=1, answer=answered(200, b"ok"), hits=ATTEMPTS),
    Fault("json array", passes=1, answer=answered(200, b'["RequestId"]'), hits=ATTEMPTS),
    Fault("no utf-8", passes=1, answer=answered(200, b'{"RequestId":"\xff\xfe"}'), hits=ATTEMPTS),
    Fault("empty", passes=1, answer=answered(200, b""), hits=ATTEMPTS),
    Fault("cut", passes=1, ending="cut", hits=ATTEMPTS),
)
SLOW = (
    Fault("late", passes=1, ending="late"),
    Fault("frozen", stop=signal.SIGSTOP),
    Fault("frozen after", passes=1, stop_after=signal.SIGSTOP),
)
DRIP = Fault("drip", passes=1, ending="drip")
REFUSED = Fault("refused")


@dataclass(frozen=True)
class Case:
    door: str
    step: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.door}-{self.step}-{self.fault.name}".replace(" ", "_")

    @property
    def lasting(self) -> bool:
        return self.fault.hits == ALWAYS


class Round(NamedTuple):
    """One case for each entry point; they are played at the same time, each in a cloud of its own."""

    name: str
    cases: tuple[Case, ...]


def rounds() -> Iterator[Round]:
    """All that is played."""
    for step in STEPS:
        own = OF_HAND_OFF if step in HAND_OFFS else OF_ECI
        # A closed port is closed to the first call that comes: for later ones it is a reset before they act.
        refused = () if step in {"describe", "update", "verify"} else (REFUSED,)
        for fault in (*EVERYWHERE, *own, *refused):
            yield Round(f"{step}-{fault.name}", tuple(Case(door, step, fault) for door in DOORS))
    # Of Function Compute's answer nothing is waited for but its status, so its body does not matter.
    of_eci = tuple(step for step in STEPS if step not in HAND_OFFS)
    in_turn = [(fault, STEPS) for fault in SLOW] + [(fault, of_eci) for fault in (*UNREADABLE, DRIP)]
    for number, (fault, steps) in enumerate(in_turn):
        turns = range(len(steps)) if ALL_PAIRS else [number % len(steps)]
        for turn in turns:
            by_door = zip(DOORS, itertools.cycle(steps[turn:] + steps[:turn]), strict=False)
            cases = tuple(Case(door, step, fault) for door, step in by_door)
            yield Round(f"{fault.name}-turn {turn}", cases)


ROUNDS = tuple(rounds())


QUICK_FAULTS = frozenset(
    {
        *("reset after", "key rotated", "killed before", "killed after", "frozen"),
        *("throttled for long", "permanent for good", "stored, 500", "no json"),
    }
)
"""Those that need a platform around the functions, and one each of what an answer may say.

What the functions make of every other answer is tested without one: see tests/contract and tests/follow.
"""


def representatives() -> list[Case]:
    """One case for each of the quick faults: at the step and the entry point that have had the fewest so far.

    The choice is the same each time.
    """
    chosen: list[Case] = []
    by_fault: dict[Fault, list[Case]] = {}
    for case in (case for one in ROUNDS for case in one.cases if case.fault.name in QUICK_FAULTS):
        by_fault.setdefault(case.fault, []).append(case)
    for cases in by_fault.values():
        had = Counter(part for case in chosen for part in (case.door, case.step))
        chosen.append(min(cases, key=lambda case: had[case.door] + had[case.step]))
    return chosen


QUICK = representatives()


@dataclass
class Play:
    """One case as it is played.

    Attributes:
        world: where.
        repository: of the pushed image, the case's own.
        began: when the push, or the request, happened: seconds since the epoch.
        cache_id: the cache that has to be rebuilt.
        deliveries: the number of the last delivery before this case.
        lines: the number of the last log line before this case.
    """

    world: World
    case: Case
    repository: str
    cache_id: str
    deliveries: int
    lines: int
    began: float = 0.0

    @property
    def image(self) -> str:
        return f"{HOST}/{self.repository}:latest"

    @property
    def moment(self) -> str:
        return datetime.fromtimestamp(self.began, timezone.utc).isoformat(timespec="microseconds")

    def send(self) -> int:
        """Send the event once; the HTTP status that its sender sees, 202 where the platform has taken it."""
        self.began = self.began or time.time()
        return _SENDERS[self.case.door](self)

    def records(self) -> list[dict[str, Any]]:
        query = "SELECT line FROM log_lines WHERE number > ? AND stream = 'stdout'"
        lines = [row["line"] for row in self.world.rows(query, self.lines)]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def dead_letters(self) -> list[dict[str, Any]]:
        query = "SELECT * FROM deliveries WHERE number > ? AND state = 'dead'"
        return [dict(row) for row in self.world.rows(query, self.deliveries)]

    def story(self) -> str:
        """What happened, for a failure's message."""
        lines = self.world.rows("SELECT function, line FROM log_lines WHERE number > ?", self.lines)
        told = [f"{row['function']}: {row['line']}" for row in lines]
        rows = self.world.rows("SELECT * FROM deliveries WHERE number > ?", self.deliveries)
        told += [f"{row['function']} {row['state']} {row['attempts']} {row['error']}" for row in rows]
        return "\n".join([*told, str(self.world.cloud.control.history(self.cache_id))])

    def settled(self) -> bool:
        return self.world.quiet() and self.world.cloud.control.cache(self.cache_id)["status"] in {
            "Ready",
            "UpdateFailed",
        }


def _event(play: Play) -> int:
    event = {
        "id": f"event-{play.repository}",
        "source": "acs.cr",
        "specversion": "1.0",
        "type": "cr:Artifact:PushCompleted",
        "time": play.moment,
        "data": {
            "InstanceId": "cri-a1b2c3d4e5f6g7h8",
            "InstanceName": "acme",
            "RegionId": REGION,
            "RepoNamespaceName": "prod",
            "RepoName": play.repository.removeprefix("prod/"),
            "Tag": "latest",
        },
    }
    answer = httpx.post(play.world.cloud.events_url, json=event, **LOOPBACK)
    (entry,) = answer.json()["EntryList"]
    assert entry["MatchedTriggers"] == ["push-events"]
    return 202


def _webhook(play: Play) -> int:
    body = {
        "push_data": {"tag": "latest", "pushed_at": play.moment},
        "repository": {
            "name": play.repository.removeprefix("prod/"),
            "namespace": "prod",
            "region": REGION,
            "repo_full_name": play.repository,
        },
    }
    url = play.world.cloud.webhook_url("acr", registry=HOST)
    return httpx.post(url, json=body, **LOOPBACK, timeout=30).status_code


def _invoke(play: Play, function: str, document: dict[str, Any]) -> int:
    play.world.cloud.fc.invoke_async(f"imc-refresh-{function}", json.dumps(document).encode())
    return 202


def _manual(play: Play) -> int:
    return _invoke(play, "on-manual", {"image": play.image})


def _timer(play: Play) -> int:
    # A tick is known by its second: a second one in the same would be the same tick again.
    trigger, fired = play.case.door, play.world.fired
    wait_until(lambda: int(time.time()) > fired[trigger], lambda: "the clock stands still", 3)
    play.began = time.time()
    play.world.cloud.fire_timer(trigger)
    fired[trigger] = int(time.time())
    return 202


def _follow(play: Play) -> int:
    change = {
        "kind": "push",
        "source": "acr",
        "eventId": f"event-{play.repository}",
        "registry": HOST,
        "repository": play.repository,
        "tag": "latest",
        "pushedAt": play.moment,
    }
    message = {"version": 1, "attempt": 1, "began": play.moment, "change": change, "regionId": REGION}
    planned = {} if play.case.step == "list" else {"imageCacheId": play.cache_id}
    return _invoke(play, "on-follow", message | planned)


_SENDERS: dict[str, Callable[[Play], int]] = {
    "on_push": _event,
    "on_webhook": _webhook,
    "on_manual": _manual,
    "refresh": _timer,
    "sweep": _timer,
    "on_follow": _follow,
}


def prepare(world: World, case: Case, **members: Any) -> Play:
    """A cache of the case's own."""
    repository = f"prod/r{hashlib.sha256(str(case).encode()).hexdigest()[:12]}"
    name = "timed-web" if case.door == "refresh" else "web"
    status = "UpdateFailed" if case.door == "sweep" else "Ready"
    tags = {"imc-refresh": MEMORY} if case.door == "sweep" else {}
    seed = {
        "region_id": REGION,
        "image_cache_name": name,
        "status": status,
        "tags": tags,
        "events": [CREATED],
    }
    seed |= members
    cache_id = world.cloud.control.create_cache(images=[f"{HOST}/{repository}:latest"], **seed)
    return Play(world, case, repository, cache_id, world.last("deliveries"), world.last("log_lines"))


def deliver(play: Play, befallen: Callable[[], object] = lambda: True) -> int:
    """Send the event, again if the sender is told to, until all is quiet; the last status.

    The first answer is followed by a wait for the fault, after which the port is open again.
    """
    status = play.send()
    wait_until(befallen, play.story, SETTLE_SECONDS)
    play.world.eci.accept()
    play.world.fc.accept()
    for _ in range(DELIVERIES - 1):
        if play.case.door != "on_webhook" or 200 <= status < 300:
            break
        time.sleep(SENDER_SECONDS)
        status = play.send()
    wait_until(play.settled, play.story, SETTLE_SECONDS)
    return status


def judge(play: Play, status: int, *, needed: int = 1) -> dict[str, Any]:
    """Hold the law against what is there now; what goes into the summary."""
    started_after = [
        update
        for update in play.world.cloud.control.history(play.cache_id)
        if update["kind"] == "rebuild" and update["started_at"] >= play.began
    ]
    if play.case.door == "sweep" or play.case.fault in SLOW:
        # The watch of a failing cache is stored before its update. Where that is not made then, the watch may
        # be the first to mend the cache; the stored look, which may be for others, makes its update anyway.
        # So does one that is stored when no time is left to see what a call without an answer did.
        needed += 1
    if play.case.step == "deferral" or (play.case.step in HAND_OFFS and play.case.fault.passes):
        # The event comes again, on a slow machine so late that it gets a task of its own, of a later time.
        needed += 1
    rebuilt = any(update["status"] == "Ready" for update in started_after)
    dead, told = len(play.dead_letters()), not 200 <= status < 300
    lost = not (rebuilt or dead or told)
    duplicates = max(0, len(started_after) - needed)
    broken = {
        "it is lost": lost,
        "a fault that passes was not survived": not play.case.lasting and (dead or told or not rebuilt),
        "fewer updates would have been enough": duplicates,
    }
    return {
        "door": play.case.door,
        "rebuilt": int(rebuilt),
        "lost": int(lost),
        "dead letters": dead,
        "told": int(told),
        "duplicate updates": duplicates,
        "broken": [f"{play.case}: {sentence}\n{play.story()}" for sentence, holds in broken.items() if holds],
    }


def play_case(world: World, case: Case) -> dict[str, Any]:
    play = prepare(world, case)
    if case.step == "deferral":
        world.eci.order("update", THROTTLED)
    proxy, step = (world.fc, "hand_off") if case.step in HAND_OFFS else (world.eci, case.step)
    if case.fault is REFUSED:
        proxy.refuse()
        return judge(play, deliver(play, lambda: any(map(_tells_refusal, play.records()))))
    order = proxy.order(step, case.fault)
    status = deliver(play)
    assert order.hits, f"{case}: the fault did not happen\n{play.story()}"
    return judge(play, status)


def _tells_refusal(record: dict[str, Any]) -> bool:
    return "hand_off" in record or record["reason"] == "CONNECTION_FAILED"


def play_failing_rebuilds(world: World, case: Case) -> dict[str, Any]:
    play = prepare(world, case)
    world.cloud.control.inject("update_fails", image_cache_id=play.cache_id, count=FAILED_REBUILDS)
    return judge(play, deliver(play), needed=FAILED_REBUILDS + 1)


def play_all(
    worlds: dict[str, World],
    played: Callable[[World, Case], dict[str, Any]],
    cases: Sequence[Case],
    record_property: Callable[[str, object], None],
) -> None:
    """Play one case in each cloud at the same time: most of a case is waiting."""
    play_lanes(worlds, played, [[case] for case in cases], record_property)


def play_lanes(
    worlds: dict[str, World],
    played: Callable[[World, Case], dict[str, Any]],
    lanes: Sequence[Sequence[Case]],
    record_property: Callable[[str, object], None],
) -> None:
    """Play several cases in each cloud, one after the other there, and all clouds at the same time."""

    def play_lane(cases: Sequence[Case]) -> Iterator[dict[str, Any] | str]:
        for case in cases:
            worlds[case.door].clear()
            try:
                yield played(worlds[case.door], case)
            except AssertionError as error:
                yield str(error)

    with ThreadPoolExecutor(len(lanes)) as pool:
        results = [
            result for lane in pool.map(lambda cases: list(play_lane(cases)), lanes) for result in lane
        ]
    broken: list[str] = []
    for counts in results:
        if isinstance(counts, str):
            broken.append(counts)
            continue
        broken += counts.pop("broken")
        record_property("fault matrix", counts)
    assert not broken, "\n\n".join(broken)


def test_the_representatives_have_every_step_and_entry_point() -> None:
    cases = [case for one in ROUNDS for case in one.cases]
    for part in (lambda case: case.step, lambda case: case.door):
        assert set(map(part, QUICK)) == set(map(part, cases))
    assert {case.fault.name for case in QUICK} == QUICK_FAULTS
    had = Counter(part for case in QUICK for part in (case.step, case.door))
    assert min(had.values()) >= 1


def test_no_push_is_lost_by_any_kind_of_fault(
    worlds: dict[str, World], record_property: Callable[[str, object], None]
) -> None:
    lanes = [[case for case in QUICK if case.door == door] for door in DOORS]
    play_lanes(worlds, play_case, lanes, record_property)


@pytest.mark.deep
@pytest.mark.parametrize("name", [one.name for one in ROUNDS])
def test_no_push_is_lost(
    worlds: dict[str, World], name: str, record_property: Callable[[str, object], None]
) -> None:
    (cases,) = (one.cases for one in ROUNDS if one.name == name)
    play_all(worlds, play_case, [case for case in cases if case not in QUICK], record_property)


@pytest.mark.deep
def test_rebuilds_that_fail_are_made_again(
    worlds: dict[str, World], record_property: Callable[[str, object], None]
) -> None:
    cases = [Case(door, "update", Fault("rebuild fails")) for door in DOORS]
    play_all(worlds, play_failing_rebuilds, cases, record_property)


def play_throttled_repair(world: World, case: Case) -> dict[str, Any]:
    play = prepare(world, case, status="UpdateFailed", tags={"imc-refresh": MEMORY_OF_FAILURES})
    world.eci.order("update", case.fault)
    # Of the watch that was stored before, and of the look that was stored after: see ``judge``.
    return judge(play, deliver(play), needed=2)


@pytest.mark.deep
def test_a_cache_whose_earlier_updates_all_failed_is_tried_again_for_a_later_push(
    worlds: dict[str, World], record_property: Callable[[str, object], None]
) -> None:
    cases = [Case(door, "update", THROTTLED) for door in DOORS]
    play_all(worlds, play_throttled_repair, cases, record_property)

"""One case through the code of its door, in this process and without a network."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from typing import Any
from unittest.mock import patch

from imagecache.base.deadline import Deadline
from imagecache.base.errors import EntryPointError, InputError
from imagecache.base.json_input import MAX_EVENT_BYTES, read_json
from imagecache.clients.eci_gateway import Accepted
from imagecache.config.settings import Settings
from imagecache.engine.engine import Engine
from imagecache.engine.records import Outcome, Recorder
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.change import Item, Notice
from imagecache.model.image_cache import ImageCache
from imagecache.triggers.event_bus import read_event_bus
from imagecache.triggers.http import read_http_event, webhook_answer
from imagecache.triggers.invocation import Invocation, event_answer
from imagecache.triggers.sources import Delivery
from imagecache.triggers.webhook import read_webhook
from tests.support.fake_clients import FakeClients

from .cases import TOKEN, Case
from .fleet import fleet

__all__ = ["Answer", "play"]

REGION = "cn-hangzhou"
ARRIVED = datetime(2026, 3, 2, 2, 20, tzinfo=timezone.utc)
"""Always the same, so that a case is answered alike whenever it is played."""

_ENVIRONMENT = {"IMC_REGIONS": REGION, "IMC_WEBHOOK_TOKENS": TOKEN, "FC_REGION": REGION}
_SETTINGS = Settings(regions=(REGION,), most_per_run=10_000, concurrency=1)
_SECONDS = 60.0


@dataclass
class Answer:
    """What came of a case.

    Attributes:
        outcomes: the records.
        lines: the same as they were written, one a line.
        status: of an HTTP answer.
        updates: image cache id -> image list, of every update that was asked for.
        calls: how often the gateway was asked for anything.
        escaped: what was raised that no door expects, or empty.
    """

    outcomes: Sequence[Outcome] = ()
    lines: str = ""
    status: int | None = None
    updates: dict[str, list[str]] = field(default_factory=dict)
    calls: int = 0
    escaped: str = ""


class _Gateway:
    """ECI without a network: it has the fleet, and accepts every update without its having an effect."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def list_image_caches(self, _: str) -> tuple[ImageCache, ...]:
        self._answer.calls += 1
        return _described()

    def describe_image_cache(self, _: str, image_cache_id: str) -> ImageCache | None:
        self._answer.calls += 1
        return _by_id().get(image_cache_id)

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        self._answer.calls += 1
        self._answer.updates[request["ImageCacheId"]] = list(request["Image"])
        return Accepted("request", 1)

    def tag_image_cache(self, _: str, image_cache_id: str, key: str, value: str) -> None:
        raise AssertionError(f"{image_cache_id}: without follow tasks nothing is learnt, {key}={value}")


@cache
def _described() -> tuple[ImageCache, ...]:
    return tuple(
        ImageCache(
            region_id=REGION,
            image_cache_id=one.image_cache_id,
            name=one.image_cache_id,
            status="Ready",
            images=tuple(entry.text for entry in one.entries),
        )
        for one in fleet()
    )


@cache
def _by_id() -> Mapping[str, ImageCache]:
    return {one.image_cache_id: one for one in _described()}


@cache
def _warm() -> Warm:
    # All cases arrive at one time, so they share the listing and its index.
    return Warm(clock=lambda: ARRIVED)


@cache
def _invocation() -> Invocation:
    """What a webhook may know of its invocation, with the settings as the environment has them."""
    invocation = Invocation(ARRIVED, "fuzz", Recorder("on_webhook", "fuzz", io.StringIO()), None)
    with patch.dict(os.environ, _ENVIRONMENT):
        # Read now and kept by the invocation: the process has its environment back.
        _ = invocation.settings
    return invocation


def play(case: Case) -> Answer:
    """Play a case as its door's handler does, with a gateway in memory in the place of the SDK's.

    Whatever is raised is caught here: the door's frame would record it as ``INTERNAL_ERROR``.
    """
    stream = io.StringIO()
    recorder = Recorder(case.door, "fuzz", stream)
    answer = Answer()
    try:
        items = _read(case)
        clients = FakeClients(_Gateway(answer))
        work = Work(_SETTINGS, clients, Deadline(_SECONDS), "fuzz", _warm())
        Engine(work, recorder).process(items)
        if case.door == "on_webhook":
            answer.status = webhook_answer(recorder.outcomes)["statusCode"]
        else:
            event_answer(recorder.outcomes)
    except EntryPointError:
        # Raised on a failed outcome, which is judged by its record.
        pass
    except Exception as error:  # noqa: BLE001 - to find what escapes is what this is for
        answer.escaped = f"{type(error).__name__}: {ascii(str(error))[:500]} {_place(error)}"
    answer.outcomes, answer.lines = recorder.outcomes, stream.getvalue()
    return answer


def _read(case: Case) -> Iterable[Item]:
    try:
        document = read_json(case.event(), limit=MAX_EVENT_BYTES, what="event")
        if case.door == "on_webhook":
            return read_webhook(read_http_event(document), _invocation())
        return read_event_bus(document, Delivery(ARRIVED, "fuzz"))
    except InputError as error:
        return [Notice.refusal(error)]


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"

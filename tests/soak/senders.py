"""Senders of events: like a registry, each tries again until it is answered with success, or gives up.

Must not know what an answer says beyond its status.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import httpx

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud

from .cast import OWN_HOST, WEBHOOK
from .messages import cloud_event, envelope
from .story import Delivery

__all__ = ["Senders", "Sent"]

SENDERS = 10
MOST_TRIES = 40
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
TIMEOUT_SECONDS = 90.0
_CONTENT_TYPE = "application/vnd.docker.distribution.events.v1+json"


@dataclass(frozen=True)
class Sent:
    """What became of a delivery.

    Attributes:
        delivery: which one.
        tries: how often it was sent.
        refusal: the last answer where none was a success; empty where one was.
    """

    delivery: Delivery
    tries: int
    refusal: str


class Senders:
    """A few senders that share the work; a context manager that waits for them.

    Args:
        cloud: takes the events.
        began: the beginning of the story, in seconds since the epoch.
    """

    def __init__(self, cloud: Cloud, began: float) -> None:
        self._began = began
        self._events_url = cloud.events_url
        self._webhook_url = cloud.webhook_url(WEBHOOK, registry=OWN_HOST)
        self._ended = threading.Event()
        # No proxy from the environment: the servers are on loopback.
        self._client = httpx.Client(**LOOPBACK, timeout=TIMEOUT_SECONDS)
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
        self._futures: list[Future[Sent]] = []

    def send(self, delivery: Delivery) -> None:
        """Let the next free sender send it."""
        self._futures.append(self._pool.submit(self._send, delivery))

    @property
    def waiting(self) -> int:
        """How many deliveries have no success so far."""
        return sum(not future.done() for future in self._futures)

    def sent(self) -> Sequence[Sent]:
        """What became of all deliveries that are done, in the order they were given.

        Raises:
            Exception: whatever a sender failed with, which is a defect of this module.
        """
        return [future.result() for future in self._futures if future.done()]

    def __enter__(self) -> Senders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _send(self, delivery: Delivery) -> Sent:
        refusal = ""
        for number in range(1, MOST_TRIES + 1):
            refusal = self._post(delivery)
            if not refusal:
                return Sent(delivery, number, "")
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(number - 1, 10), LONGEST_PAUSE_SECONDS)
            if self._ended.wait(pause):
                return Sent(delivery, number, f"the run was ended; before that: {refusal}")
        return Sent(delivery, MOST_TRIES, refusal)

    def _post(self, delivery: Delivery) -> str:
        """Send it once; returns what is wrong with the answer."""
        # A sender must not be ahead of the push that it tells: their clocks are one.
        earliest = self._began + max(push.at for push in delivery.pushes)
        time.sleep(max(0.0, earliest - time.time()))
        try:
            if delivery.source == WEBHOOK:
                document = envelope(delivery, self._began)
                headers = {"content-type": _CONTENT_TYPE}
                answer = self._client.post(self._webhook_url, json=document, headers=headers)
                return "" if answer.is_success else f"{answer.status_code}: {answer.text[:1000]}"
            (push,) = delivery.pushes
            answer = self._client.post(self._events_url, json=cloud_event(push, self._began))
        except httpx.TransportError as error:
            return f"{type(error).__name__}: {error}"
        taken = answer.is_success and answer.json()["FailedEntryCount"] == 0
        return "" if taken else f"{answer.status_code}: {answer.text[:1000]}"

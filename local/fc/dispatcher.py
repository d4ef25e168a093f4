"""Asynchronous invocation: accepts events, and tries each until it succeeds or is given up.

Vendor page "Retry policies" (Function Compute): a function that fails is tried again as often as its
asynchronous configuration says; a throttled request is tried again with doubling pauses until the event is
too old, whatever that number is. The page does not say how long the pauses after a failure are; here they
double too. Must not know where events come from, nor where they go when they are given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from ..base.delivery import MAX_PAYLOAD_BYTES, PayloadTooLargeError
from .async_config import AsyncConfig, Destination
from .deliveries import Delivery, DeliveryStore, NewDelivery
from .failures import Failure, function_failed, not_found, throttled
from .functions import Functions, ThrottledError, UnknownFunctionError, new_request_id

__all__ = ["Dispatcher", "RetryPolicy"]

_WORKERS = 16
_DEFAULTS = AsyncConfig()


class GiveUp(Protocol):
    """``on_failure.OnFailure.send``."""

    def __call__(
        self, delivery: Delivery, failure: Failure, destination: Destination | None, *, attempts: int
    ) -> str | None:
        """Send an event away that is given up; returns the queue it went to, if any."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how fast.

    Attributes:
        retries: after the first attempt; None for what the function's configuration says.
        first_pause_seconds: before the second attempt; each further pause is twice as long.
        longest_pause_seconds: where the doubling ends.
        max_age_seconds: an event this old is given up, whatever it waits for; None as for retries.
        time_factor: how many seconds of pauses and ages pass in one second. Delays pass as they are:
            functions see by their own clock whether the time of a delayed event has come.
    """

    retries: int | None = None
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    max_age_seconds: float | None = None
    time_factor: float = 1.0

    def pause_seconds(self, failures: int) -> float:
        """The pause after this number of failures, in seconds."""
        doubled: float = self.first_pause_seconds * 2.0 ** min(failures - 1, 32)
        return min(doubled, self.longest_pause_seconds) / self.time_factor


class Dispatcher:
    """Works the queue in threads of its own, from ``start`` to ``close``.

    Args:
        store: the queue.
        functions: what is invoked.
        configs: by the names of the functions; one that is not there has the defaults.
        policy: for all functions.
        give_up: takes what is given up.
        clock: the time in seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 - the queue, what is invoked, and the three rules for it
        self,
        store: DeliveryStore,
        functions: Functions,
        configs: Mapping[str, AsyncConfig],
        policy: RetryPolicy,
        give_up: GiveUp,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._functions = functions
        self._configs = configs
        self._policy = policy
        self._give_up = give_up
        self._clock = clock
        self._changed = threading.Condition()
        self._stopping = False
        self._slots = threading.Semaphore(_WORKERS)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="delivery")
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    def deliver(  # noqa: PLR0913 - what is delivered, when, and how often
        self,
        function: str,
        payload: bytes,
        *,
        source: str,
        delay_seconds: float = 0.0,
        task_id: str | None = None,
        copies_after: Sequence[float] = (),
    ) -> str:
        """Accept an event for a function; returns the request id once it is stored.

        Args:
            function: its name.
            payload: the event.
            source: who wants it: ``api``, or a trigger's name.
            delay_seconds: how long to wait before the first attempt.
            task_id: refused when the function had it before; ignored for a function without task mode.
            copies_after: for each time that the function is given the event once more, how many seconds
                after the first that is due: the platform promises at least once.

        Raises:
            UnknownFunctionError: there is no such function.
            PayloadTooLargeError: the event is larger than 128 KB.
            DuplicateTaskError: the function was given a task of this id before.
        """
        if function not in self._functions.specs:
            raise UnknownFunctionError(f"there is no function {function!r}")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"the event has {len(payload)} bytes, more than {MAX_PAYLOAD_BYTES}")
        request_id = new_request_id()
        now = self._clock()
        first = NewDelivery(
            function=function,
            payload=payload,
            source=source,
            request_id=request_id,
            task_id=task_id if self._config(function).task_mode else None,
            accepted_at=now,
            due_at=now + delay_seconds,
        )
        self._store.add(first)
        for seconds in copies_after:
            self._store.add(replace(first, task_id=None, due_at=first.due_at + seconds))
        self._wake()
        return request_id

    def start(self) -> None:
        """Begin to work the queue."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more from the queue; an attempt that is cut off from now on is put back."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and wait for the attempts under way."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join()
        self._workers.shutdown(wait=True)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            # Asked for before the queue is looked at, so that what is taken can be tried at once.
            self._slots.acquire()
            with self._changed:
                delivery = None
                while not self._stopping and (delivery := self._store.take_due(self._clock())) is None:
                    due_at = self._store.next_due()
                    self._changed.wait(None if due_at is None else max(0.0, due_at - self._clock()))
                if delivery is None:
                    return
            self._workers.submit(self._attempt, delivery)

    def _attempt(self, delivery: Delivery) -> None:
        try:
            self._try(delivery)
        finally:
            self._slots.release()
            self._wake()

    def _try(self, delivery: Delivery) -> None:
        try:
            invocation = self._functions.invoke(
                delivery.function, delivery.payload, request_id=delivery.request_id
            )
        except ThrottledError as error:
            if self._stopping:
                self._store.release(delivery)
            else:
                self._again(delivery, throttled(error), attempts=0)
        except UnknownFunctionError as error:
            # It was there when the event was accepted: the template has changed between two runs.
            self._end_as_dead_letter(delivery, not_found(error), attempts=0)
        else:
            if invocation.error_type is None:
                self._store.finish(delivery)
            elif self._stopping and invocation.error_type == "ProcessExit":
                self._store.release(delivery)  # ended by us: executed at least once, so it is tried again
            else:
                self._again(delivery, function_failed(invocation), attempts=1)

    def _again(self, delivery: Delivery, failure: Failure, *, attempts: int) -> None:
        now = self._clock()
        config, policy = self._config(delivery.function), self._policy
        retries = config.retries if policy.retries is None else policy.retries
        max_age_seconds = config.max_age_seconds if policy.max_age_seconds is None else policy.max_age_seconds
        pause = policy.pause_seconds(delivery.attempts + delivery.throttled + 1)
        oldest = delivery.accepted_at + max_age_seconds / policy.time_factor
        if delivery.attempts + attempts > retries or now + pause > oldest:
            self._end_as_dead_letter(delivery, failure, attempts=attempts)
        elif attempts:
            self._store.retry(delivery, failure.text, now + pause)
        else:
            self._store.postpone(delivery, failure.text, now + pause)

    def _end_as_dead_letter(self, delivery: Delivery, failure: Failure, *, attempts: int) -> None:
        destination = self._config(delivery.function).on_failure
        # Sent first: after a crash in between it is sent twice rather than never.
        queue = self._give_up(delivery, failure, destination, attempts=delivery.attempts + attempts)
        self._store.end_as_dead_letter(delivery, failure.text, attempts=attempts, queue=queue)

    def _config(self, function: str) -> AsyncConfig:
        return self._configs.get(function, _DEFAULTS)

"""What a push, a burst, a storm, a failing cache and a sweep cost: counted, for the table of the README."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.laws.failing import DAY, sweep
from tests.laws.small_cloud import HOST, SmallCloud, small_cloud
from tests.laws.storms import REBUILD_SECONDS, forget


def cost_rows() -> Iterator[tuple[str, ...]]:
    """Rows of: what happened, entry point invocations, follow runs, ECI calls with listings, rebuilds."""
    yield _row("one push, one cache", caches=1, images=1, story=lambda cloud: _push(cloud, 1))
    yield _row("30 pushes of one image in a minute, one cache", caches=1, images=1, story=_burst)
    yield _row("one push, 50 caches", caches=50, images=1, story=lambda cloud: _push(cloud, 1))
    yield _row(
        "10 images at once, 5 caches list them all", caches=5, images=10, story=lambda cloud: _push(cloud, 10)
    )
    yield _row(
        "the same, nothing is remembered",
        caches=5,
        images=10,
        story=lambda cloud: _push(cloud, 10),
        known=False,
    )
    yield _row(
        "a cache whose builds all fail, pushed every 5 minutes for a day",
        caches=1,
        images=1,
        story=_failing_day,
        eci={"failing_images": "*"},
        known=False,
    )
    yield _row("a sweep that finds nothing to mend, 50 caches", caches=50, images=1, story=_sweep)


def _row(
    what: str,
    *,
    caches: int,
    images: int,
    story: Callable[[SmallCloud], None],
    eci: dict[str, str] | None = None,
    known: bool = True,
) -> tuple[str, ...]:
    cloud = small_cloud(eci={"rebuild_seconds": REBUILD_SECONDS, **(eci or {})}, most_per_run=10_000)
    names = [f"{HOST}/app-{number}:latest" for number in range(images)]
    ids = [cloud.eci.create(*names) for _ in range(caches)]
    if known:
        _push(cloud, 1)
        cloud.clock.advance(7200)
    forget(cloud)
    story(cloud)
    invocations = sum(cloud.runs.values())
    follow = cloud.runs["on_follow"]
    rebuilds = sum(len(cloud.eci.updates[each]) for each in ids)
    counts = (invocations - follow, follow, sum(cloud.eci.calls.values()), rebuilds)
    return (what, *(f"{count:,}" for count in counts))


def _push(cloud: SmallCloud, images: int) -> None:
    for number in range(images):
        cloud.push(cloud.event(f"app-{number}"))
    cloud.settle()


def _burst(cloud: SmallCloud) -> None:
    for _ in range(30):
        cloud.push(cloud.event("app-0"))
        cloud.run_until(cloud.clock() + 2)
    cloud.settle()


def _failing_day(cloud: SmallCloud) -> None:
    end = cloud.clock() + DAY
    while cloud.clock() < end:
        cloud.push(cloud.event("app-0"))
        cloud.run_until(cloud.clock() + 300)


def _sweep(cloud: SmallCloud) -> None:
    cloud.invoke("on_timer", [sweep(cloud)])

"""Local clouds whose functions sit behind proxies that let ordered faults happen: one for each entry point.

Time passes fast where it may: delays and pauses are divided by a factor, rebuilds are short. The functions'
own timeout is short too, as it bounds how long they wait for an answer that does not come.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.cloud.cloud import ROOT, Cloud, CloudConfig
from local.fc.dispatcher import RetryPolicy
from tests.matrix.faulty_proxy import FaultyProxy
from tests.support.waiting import wait_until

REGION = "cn-hangzhou"
FUNCTION_SECONDS = 7
"""Less a second to answer and four for a hand-off, calls to ECI have two seconds."""
TIME_FACTOR = 50.0
REBUILD_SECONDS = 0.05
SETTLE_SECONDS = 60.0
DOORS = ("on_push", "on_webhook", "on_manual", "refresh", "sweep", "on_follow")
"""``refresh`` and ``sweep`` are the timers of on_timer."""
_FUNCTIONS = ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow")


@dataclass
class World:
    """A running cloud, and what it stores.

    Attributes:
        cloud: the servers.
        eci: stands before ECI.
        fc: stands before the API of Function Compute.
        database: what the servers store; read only.
        fired: the second at which each timer was last fired.
    """

    cloud: Cloud
    eci: FaultyProxy
    fc: FaultyProxy
    database: sqlite3.Connection
    fired: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Rows of the servers' database."""
        return self.database.execute(query, values).fetchall()

    def last(self, table: str) -> int:
        """The number of the last row of ``deliveries`` or ``log_lines``."""
        ((number,),) = self.rows(f"SELECT coalesce(max(number), 0) FROM {table}")  # noqa: S608 - our own names
        return int(number)

    def quiet(self) -> bool:
        """Whether nothing is waiting or running."""
        busy = "SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'running')"
        return bool(self.rows(busy)[0][0] == 0)

    def clear(self) -> None:
        """Wait for the end of what is under way, with no fault ordered and no image cache left."""
        self.forget()
        wait_until(self.quiet, lambda: "the last case does not come to an end", SETTLE_SECONDS)

    def forget(self) -> None:
        """Take back orders and image caches."""
        for proxy in (self.eci, self.fc):
            proxy.forget()
            proxy.accept()
        for cache in self.cloud.control.caches():
            self.cloud.control.delete_cache(cache["image_cache_id"])


@contextmanager
def running_world(folder: Path, **parameters: str) -> Iterator[World]:
    """A cloud on a folder, from the template with a shorter timeout and these parameters."""
    text = (ROOT / "template.yml").read_text(encoding="utf-8")
    text, count = re.subn(r"(\n +Timeout:) \d+", rf"\1 {FUNCTION_SECONDS}", text)
    assert count == len(_FUNCTIONS)
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / "template.yml"
    template.write_text(text, encoding="utf-8")
    with FaultyProxy() as eci, FaultyProxy() as fc:
        config = CloudConfig(
            folder / "cloud",
            template=template,
            parameters={
                "FollowBaseSeconds": "1",
                "FollowMaxSeconds": "2",
                "FollowBackoffSeconds": "1",
                "ClockSkewSeconds": "0",
                "RefreshPayload": '{"action":"refresh","caches":{"names":["timed-*"]}}',
                **parameters,
            },
            environment={"IMC_ECI_ENDPOINT": eci.url, "IMC_FC_ENDPOINT": fc.url},
            region=REGION,
            retry=RetryPolicy(time_factor=TIME_FACTOR),
        )
        with Cloud(config) as cloud:
            eci.forward_to(cloud.eci_url, cloud.fc.rotate_role_keys)
            fc.forward_to(cloud.fc_url, cloud.fc.rotate_role_keys)
            cloud.control.settings(rebuild_seconds=REBUILD_SECONDS)
            database = sqlite3.connect(config.state / "cloud.db", check_same_thread=False)
            database.row_factory = sqlite3.Row
            yield World(cloud, eci, fc, database)
            database.close()

"""``python -m tests.performance.sizes``: what each function takes at each size of an instance, and its cost.

The functions run from their package against local servers, as new processes (cold) and with further events
in the same process (warm); 500 image caches are listed. What is measured is CPU time, of several rounds the
least, as other work on the machine only adds to it. Time at a size is CPU time divided by its share of a CPU,
and the calls to other services one after the other. What it prints stands in docs/deploy.md.

With ``--quota`` it shows whether that is so: the sizes of the template are run with that share of a CPU, held
by the kernel, and beside it stands what is expected by CPU time and waiting time without a quota.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "functions"))

from deploy.package.build import build_package
from deploy.package.bytecode import find_interpreter
from deploy.package.runtimes import RUNTIMES
from local.cloud.cloud import ROOT, Cloud, CloudConfig
from tests.support.template_variables import read_raw

from .cold import TOKEN, issued_key, unpack
from .cpu_quota import quota
from .sizes_process import MARK, NOW
from .warm import REGION, push_event

SIZES = ((128, 0.1), (256, 0.25), (512, 0.5), (1024, 1.0))
"""MB and vCPU, with 1 to 4 GB for each vCPU: vendor page "CreateFunctionInput"."""
CALL_SECONDS = 0.02
"""How long a call to another service of the same region is waited for: an assumption."""
CACHES, IMAGES, WIDE, CONCURRENCY = 500, 10, 100, 8
ROUNDS, WARM_EVENTS = 5, 4
CU_PER_INVOCATION, CU_PER_CPU_SECOND, CU_PER_GB_SECOND = 75 / 10_000, 1.0, 0.15
USD_PER_CU = 0.00002
"""Vendor page "Pay-as-you-go" of Function Compute, first tier; a disk of 512 MB is free."""
_HOST = f"shop-registry-vpc.{REGION}.cr.aliyuncs.com"


@dataclass(frozen=True)
class Work:
    """What is measured.

    Attributes:
        name: of the event.
        module: of the handler.
        events: without an end.
        wide: whether an event is for many caches at a time, which are then updated side by side.
    """

    name: str
    module: str
    events: Iterator[str]
    wide: bool = False


@dataclass(frozen=True)
class Times:
    """Of one event: the time that passed and the CPU time, in seconds, and the most memory so far in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    calls: float = 0.0


def cost_usd(memory_mb: float, cpu: float, seconds: float) -> float:
    """What one invocation costs by the price formula."""
    units = CU_PER_INVOCATION + seconds * (cpu * CU_PER_CPU_SECOND + memory_mb / 1024 * CU_PER_GB_SECOND)
    return units * USD_PER_CU


def seconds_at(cpu: float, times: Times) -> float:
    """What an event takes with that share of a CPU."""
    return times.cpu_seconds / min(cpu, 1.0) + times.calls * CALL_SECONDS


def template_sizes() -> dict[str, tuple[int, float]]:
    """MB and vCPU of each function, by its handler's module."""
    properties = [one["Properties"] for one in read_raw()["Resources"].values()]
    functions = [one for one in properties if "Handler" in one]
    return {one["Handler"].partition(".")[0]: (one["MemorySize"], one["Cpu"]) for one in functions}


def main() -> int:
    """Measure, and print tables in Markdown."""
    found = [(one, find_interpreter(ROOT, one)) for one in RUNTIMES.values()]
    runtime, interpreter = next(((one, path) for one, path in found if path is not None), (None, None))
    if runtime is None or interpreter is None:
        print("This machine has no Python of a runtime.")
        return 1
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imc-refresh-sizes-")))
        build_package(ROOT, runtime, work / "package.zip", interpreter=interpreter)
        unpack(work / "package.zip", work / "code", pyc=True)
        cloud = stack.enter_context(Cloud(CloudConfig(work / "state", parameters={"WebhookTokens": TOKEN})))
        key = stack.enter_context(issued_key(work / "state/cloud.db"))
        runner = _Runner(cloud, [str(interpreter), "-I", "-S", "-B"], work / "code", key)
        works = _works(cloud)
        print(f"{datetime.now(timezone.utc):%Y-%m-%d}, Python {runtime.python}.\n")
        if sys.argv[1:] == ["--quota"]:
            return _print_check(runner, [each for each in works if not each.wide])
        _print_sizes({each.name: (each, *runner.least(each)) for each in works})
    return 0


def _print_sizes(measured: Mapping[str, tuple[Work, Times, Times]]) -> None:
    chosen = template_sizes()
    print("| function and event | size | cold, s | warm, s | 1,000 cold, USD | 1,000 warm, USD |")
    print("|---|---|---|---|---|---|")
    for name, (work, cold, warm) in measured.items():
        for memory_mb, cpu in SIZES:
            times = [seconds_at(cpu, one) for one in (cold, warm)]
            costs = [1000 * cost_usd(memory_mb, cpu, seconds) for seconds in times]
            mark = "**" if chosen[work.module] == (memory_mb, cpu) else ""
            cells = [f"{seconds:.2f}" for seconds in times] + [f"{cost:.4f}" for cost in costs]
            if work.wide:
                cells[1] = cells[3] = ""
            print(f"| {name} | {mark}{memory_mb} MB, {cpu:g}{mark} | {' | '.join(cells)} |")
    print("\n| function and event | CPU cold, s | CPU warm, s | calls cold | calls warm | memory, MB |")
    print("|---|---|---|---|---|---|")
    for name, (_, cold, warm) in measured.items():
        used = f"{cold.cpu_seconds:.2f} | {warm.cpu_seconds:.3f}"
        peak_mb = max(cold.peak_mb, warm.peak_mb)
        print(f"| {name} | {used} | {cold.calls:g} | {warm.calls:g} | {peak_mb:.0f} |")


def _print_check(runner: _Runner, works: Sequence[Work]) -> int:
    print(
        "| function and event, cold | size | CPU, s | without a quota, s | expected, s | with the quota, s |"
    )
    print("|---|---|---|---|---|---|")
    for work in works:
        memory_mb, cpu = template_sizes()[work.module]
        free, _ = runner.least(work, warm_events=0)
        with quota(cpu) as prefix:
            if prefix is None:
                print("\nNo quota can be had on this machine.")
                return 1
            held, _ = runner.least(work, warm_events=0, prefix=prefix)
        expected = free.seconds + free.cpu_seconds * (1 / min(cpu, 1.0) - 1)
        times = (free.cpu_seconds, free.seconds, expected, held.seconds)
        cells = [work.name, f"{memory_mb} MB, {cpu:g}", *(f"{seconds:.2f}" for seconds in times)]
        print(f"| {' | '.join(cells)} |", flush=True)
    return 0


class _Runner:
    """Runs events in new processes."""

    def __init__(self, cloud: Cloud, python: Sequence[str], code: Path, key: Mapping[str, str]) -> None:
        self._cloud = cloud
        self._python = python
        self._code = code
        self._environment = {
            **key,
            "PATH": "/usr/bin:/bin",
            "FC_REGION": REGION,
            "FC_ACCOUNT_ID": cloud.config.account_id,
            "IMC_ECI_ENDPOINT": cloud.eci_url,
            "IMC_FC_ENDPOINT": cloud.fc_url,
            "IMC_FOLLOW_FUNCTION": "imc-refresh-on-follow",
            "IMC_FOLLOW_BASE_SECONDS": "3599",
            "IMC_FOLLOW_MAX_SECONDS": "3599",
            "IMC_CONCURRENCY": str(CONCURRENCY),
            "IMC_WEBHOOK_TOKENS": TOKEN,
            # All is done before the answer, as that is what is measured.
            "IMC_ANSWER_SECONDS": "0",
        }

    def least(
        self, work: Work, *, prefix: Sequence[str] = (), warm_events: int = WARM_EVENTS
    ) -> tuple[Times, Times]:
        """The least of several rounds: of a cold event, and of those after it."""
        cold: list[Times] = []
        warm: list[Times] = []
        for _ in range(ROUNDS):
            first, *others = self._run(work, 1 if work.wide else 1 + warm_events, prefix)
            cold.append(first)
            warm += others or [first]
        return _least(cold), _least(warm)

    def _run(self, work: Work, number: int, prefix: Sequence[str]) -> list[Times]:
        script = str(Path(__file__).with_name("sizes_process.py"))
        events = [next(work.events) for _ in range(number)]
        before = len(self._cloud.control.journal())
        done = subprocess.run(
            [*prefix, *self._python, script, str(self._code), work.module, repr(time.time())],
            input="".join(json.dumps(event) + "\n" for event in events).encode(),
            env=self._environment,
            capture_output=True,
            check=False,
            timeout=600,
        )
        lines = done.stdout.decode().splitlines()
        told = [json.loads(line[len(MARK) :]) for line in lines if line.startswith(MARK)]
        if done.returncode or len(told) != number:
            raise RuntimeError(f"{work.module} did not answer: {done.stderr.decode()[-2000:]}")
        calls = (len(self._cloud.control.journal()) - before) / number
        return [_times(one, calls, wide=work.wide) for one in told]


def _times(told: Mapping[str, Any], calls: float, *, wide: bool) -> Times:
    """Calls are those one after the other: all, or the listing's and a part of those made side by side."""
    tasks = json.dumps(told["answer"]).count("follow_task_id")
    pages = CACHES / 20
    deep = pages + (calls - pages + tasks) / CONCURRENCY if wide else calls + tasks
    return Times(told["seconds"], told["cpu_seconds"], told["peak_bytes"] / 1e6, round(deep))


def _least(times: Sequence[Times]) -> Times:
    return Times(
        min(one.seconds for one in times),
        min(one.cpu_seconds for one in times),
        max(one.peak_mb for one in times),
        max(one.calls for one in times),
    )


def _works(cloud: Cloud) -> list[Work]:
    """Each push is of an image that one cache lists alone, or that many list together."""
    cloud.control.create_caches(
        [
            {
                "region_id": REGION,
                "image_cache_name": f"cache-{number}",
                "images": [f"{_HOST}/team{number}/service-{image}:v1" for image in range(IMAGES - 1)]
                + [f"{_HOST}/wide{number // WIDE}/service-5:v1"],
            }
            for number in range(CACHES)
        ]
    )
    cloud.control.settings(rebuild_seconds=0.05)
    numbers, wide = count(), count()
    pushes = (f"team{number % CACHES}" for number in numbers)
    ids = [cache["image_cache_id"] for cache in cloud.control.caches()]
    return [
        Work("`on-push`, one update", "on_push", map(_push, pushes)),
        Work(f"`on-push`, {WIDE} updates", "on_push", (_push(f"wide{n % 5}") for n in wide), wide=True),
        Work("`on-webhook`, one update", "on_webhook", map(_webhook, pushes)),
        Work("`on-manual`, a dry run", "on_manual", (_manual(ids[n % CACHES]) for n in count())),
        Work("`on-timer`, a sweep", "on_timer", (_sweep() for _ in count())),
        Work("`on-follow`, one look", "on_follow", (_look(ids[n % CACHES]) for n in count())),
    ]


_EVENTS = count()


def _push(namespace: str) -> str:
    document = json.loads(push_event(namespace, "service-5", "v1"))
    return json.dumps({**document, "id": f"event-{next(_EVENTS)}", "time": NOW})


def _webhook(namespace: str) -> str:
    body = {
        "push_data": {"tag": "v1"},
        "repository": {
            "name": "service-5",
            "namespace": namespace,
            "region": REGION,
            "repo_full_name": f"{namespace}/service-5",
        },
    }
    http = {"method": "POST", "path": "/webhooks/acr", "protocol": "HTTP/1.1"}
    event = {
        "version": "v1",
        "rawPath": "/webhooks/acr",
        "body": json.dumps(body),
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json"},
        "queryParameters": {"token": TOKEN, "registry": f"shop-registry.{REGION}.cr.aliyuncs.com"},
        "requestContext": {"http": http},
    }
    return json.dumps(event)


def _manual(image_cache_id: str) -> str:
    return json.dumps({"imageCacheId": image_cache_id, "dryRun": True})


def _sweep() -> str:
    return json.dumps({"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "sweep", "payload": ""})


def _look(image_cache_id: str) -> str:
    change = {
        "kind": "push",
        "source": "acs.cr",
        "eventId": f"event-{next(_EVENTS)}",
        "registry": f"shop-registry.{REGION}.cr.aliyuncs.com",
        "repository": "team0/service-0",
        "tag": "v1",
    }
    message = {
        "version": 1,
        "attempt": 1,
        "began": NOW,
        "regionId": REGION,
        "imageCacheId": image_cache_id,
        "rebuilds": 0,
        "change": change,
    }
    return json.dumps(message)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.laws.faults``: put one fault at a time into follow-up; the laws or the stories see each.

Exit 1 where one is not seen, or cannot be put in any more. Each is tried on a copy of the tree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OURS = "functions/imagecache"
_LEFT_OUT = (".*", "build", "dist", "__pycache__", "node_modules")
_SECONDS = 600
_FAILED = "FAILED "


@dataclass(frozen=True)
class Fault:
    """A change of one place that makes follow-up wrong.

    Attributes:
        what: is wrong then.
        module: where, under the library's folder.
        right: the text that is there, once.
        wrong: the text in its place.
    """

    what: str
    module: str
    right: str
    wrong: str

    @property
    def path(self) -> str:
        """Where, from the root of the tree."""
        return f"{_OURS}/{self.module}.py"

    def put_into(self, text: str) -> str:
        """The module's text with the fault.

        Raises:
            ValueError: the right text is not there, or not once.
        """
        if text.count(self.right) != 1:
            raise ValueError(f"{self.path} has {text.count(self.right)} times: {self.right}")
        return text.replace(self.right, self.wrong)


FAULTS = (
    Fault("any update covers what waits", "engine/chain", "memory.began >= since", "memory.began <= at.now"),
    Fault(
        "a failed update has landed",
        "engine/chain",
        "if cache.status != READY:",
        "if cache.updatable is None:",
    ),
    Fault(
        "a task that waits does nothing where its own image is covered",
        "engine/chain",
        "if memory is None or not updated or left_out:",
        "if memory is None or (not updated and wanted is not None and wanted.reason is not Reason.COVERED):",
    ),
    Fault(
        "a task that waits knows no list of its own",
        "engine/next_look",
        "slot = running.slot if running else own_list(cache, decision, own=own)",
        "slot = None",
    ),
    Fault(
        "a chain is never given up",
        "engine/chain",
        "return now - task.chain.since - min(task.chain.held, _MOST_HELD) >= timedelta(",
        "return now - task.chain.since - 9999 * _MOST_HELD >= timedelta(",
    ),
    Fault(
        "a task may be joined until it is due",
        "planning/follow_times",
        "return at.now + max(2 * at.skew, _LEAST_MARGIN)",
        "return at.now",
    ),
    Fault(
        "what a task had been joined by is taken as a second earlier than it was",
        "engine/chain",
        "since = max(task.due - at.skew,",
        "since = max(task.due - at.skew - timedelta(seconds=1),",
    ),
    Fault(
        "each message has a due time of its own",
        "planning/follow_times",
        "return self._rounded(earliest, 2 * self.base, strictly=True)",
        "return earliest + timedelta(seconds=self.base)",
    ),
    Fault(
        "the time that a rebuild took is not used",
        "planning/follow_times",
        "if memory is None or memory.duration is None:\n            return self._rounded",
        "if True:\n            return self._rounded",
    ),
    Fault(
        "a failing cache has no pauses",
        "engine/update_limits",
        "return end if end > at.now else None\n\n\ndef needs_extra",
        "return None\n\n\ndef needs_extra",
    ),
    Fault(
        "other images pause a failing cache less, without a bound",
        "engine/update_limits",
        "return not recent or last.extra < _MOST_EXTRA",
        "return True",
    ),
    Fault(
        "failures are not counted",
        "planning/update_memory",
        "failures = memory.failures + 1 if failing and not person else 0",
        "failures = 0",
    ),
    Fault(
        "a person asks as often as a task runs",
        "planning/update_memory",
        "return any(memory is None or not carries(memory, change) for change in asked)",
        "return any(asked)",
    ),
    Fault(
        "each run of a push that waits alone has a successor of its own",
        "engine/follow_task",
        "return (self.shared or self.alone) and",
        "return self.shared and",
    ),
    Fault(
        "a push is covered by an update before it",
        "planning/update_memory",
        "last.began > pushed_at + at.skew",
        "last.began > pushed_at - timedelta(minutes=5)",
    ),
    Fault(
        "a memory of the future is believed",
        "planning/update_memory",
        "return memory if max(known) <= at.now + at.skew else None",
        "return memory",
    ),
    Fault(
        "an update is made that cannot be followed",
        "engine/sending",
        "            if stored is None:\n",
        "            if (stored := stored or Stored.NOW) is None:\n",
    ),
    Fault(
        "an update is made though another one is followed",
        "engine/sending",
        "if not first and not own:",
        "if not first and not own and watch.due is None:",
    ),
    Fault(
        "where nothing is remembered, the watch is stored after the update",
        "engine/sending",
        "last_update(cache, work.now()) is None\n            or cache.status == UPDATE_FAILED",
        "False",
    ),
    Fault(
        "a failed update is made again without an end",
        "engine/failed_update",
        "if task.chain.repeats >= rebuilds:",
        "if task.chain.repeats >= 1000 * rebuilds:",
    ),
    Fault(
        "a failed update is never made again",
        "engine/failed_update",
        "if task.chain.repeats >= rebuilds:",
        "if task.chain.repeats >= 0:",
    ),
    Fault(
        "a version that cannot be built stays",
        "engine/failed_update",
        "if slot is not None and restorable and failures >= places(",
        "if slot is not None and restorable and failures > 99 + places(",
    ),
    Fault(
        "a task that is early acts",
        "engine/follow",
        "        if left <= 0:\n",
        "        if left is not None:\n",
    ),
    Fault(
        "any conflict counts as a stored task",
        "engine/hand_off",
        "if stored is not Stored.REFUSED:",
        "if stored is not None:",
    ),
    Fault(
        "the due time is no part of a task's id",
        "engine/follow_task",
        "when, job = self.key or self.due.isoformat(), self.job.value",
        'when, job = self.key or "", self.job.value',
    ),
    Fault(
        "what waits for one cache has one task for each change",
        "engine/follow_task",
        "self.image_cache_id, job, when, self.hop]",
        "self.image_cache_id, job, when, self.hop, self.change.change_id]",
    ),
    Fault(
        "a continuation carries only a half of the caches",
        "engine/continuation",
        "._replace(caches=ids, key=name)",
        "._replace(caches=ids[: len(ids) // 2] or ids, key=name)",
    ),
    Fault(
        "a watch whose update was never made leaves it to nobody",
        "engine/chain",
        "if task.in_place_of_look and is_unseen(task, cache, at):",
        "if task.in_place_of_look and is_unseen(task, cache, at) is None:",
    ),
    Fault(
        "each run of a late task makes its update",
        "engine/seen_update",
        "return task.single and not task.catches_up and shown",
        "return not task.single and not task.catches_up and shown",
    ),
    Fault(
        "the watch of a look that goes on by itself stores another look",
        "engine/follow_task",
        'else "" if self.single or self.alone else _EACH',
        'else ""',
    ),
    Fault(
        "a person's list that had to make room comes again",
        "engine/chain",
        "taken = taken or (set_before and not there)",
        "taken = taken and not set_before",
    ),
)


def main() -> int:
    """Try each, or those whose text has an argument in it, one on each core; print what saw it."""
    unseen, words = 0, sys.argv[1:] or [""]
    faults = [fault for fault in FAULTS if any(word in fault.what for word in words)]
    failures = _seen_by(None)
    if failures:
        print(f"Without a fault there must be no failure: {failures}")
        return 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for fault, seen in zip(faults, pool.map(_seen_by, faults), strict=True):
            unseen += not seen
            print(f"{fault.what:75} {fault.module:24} {seen or 'NOT SEEN'}", flush=True)
    print(f"{len(faults) - unseen} of {len(faults)} faults were seen.")
    return 1 if unseen else 0


def _seen_by(fault: Fault | None) -> str:
    """The first test that fails with a fault, or without one; empty if none does."""
    with tempfile.TemporaryDirectory(prefix="imc-refresh-fault-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        if fault is not None:
            module = tree / fault.path
            module.write_text(fault.put_into(module.read_text(encoding="utf-8")), encoding="utf-8")
        return next((seen for which in ("not deep", "deep") for seen in _failures(tree, which)), "")


def _failures(tree: Path, which: str) -> Iterator[str]:
    """The first test that fails, of those that a mark chooses."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", which]
    try:
        text = subprocess.run(
            [*command, "tests/laws/test_stories.py", "tests/laws/test_laws.py"],
            cwd=tree,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        ).stdout
    except subprocess.TimeoutExpired:
        # That proves nothing.
        return
    for line in text.splitlines():
        if line.startswith(_FAILED):
            yield line.removeprefix(_FAILED).partition(" - ")[0].removeprefix("tests/laws/")


if __name__ == "__main__":
    sys.exit(main())

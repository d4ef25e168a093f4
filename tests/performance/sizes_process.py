"""One instance: a new process that imports a handler and answers one event after the other.

``sizes_process.py FOLDER MODULE BEGAN``: each line of standard input is an event, written as a JSON text, in
which NOW stands for the time when it comes; BEGAN is when the process was started, in seconds since the
epoch. Standard output gets the handler's own lines, and after each event a line with its wall time and CPU
time; those of the first count from the start of the process. Run by a runtime's interpreter, so it needs
nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["MARK", "NOW"]

MARK = "\x1fsizes "
"""What a line with times begins with."""
NOW = "@now@"
"""What stands for the time in an event."""


def main(folder: str, module: str, began: str) -> None:
    """Answer all events."""
    sys.path.insert(0, folder)
    events = [json.loads(line) for line in sys.stdin]
    wall, cpu = float(began), 0.0
    handler = __import__(module).handler
    for number, event in enumerate(events):
        context: Any = SimpleNamespace(
            request_id=f"1-sizes-{number}",
            region="cn-hangzhou",
            account_id="1234567890123456",
            function=SimpleNamespace(name=module, handler=f"{module}.handler", memory=128, timeout=60),
        )
        arrived = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        answer = handler(event.replace(NOW, arrived).encode(), context)
        now, used = time.time(), time.process_time()
        # Not getrusage: its figure is that of the process that started this one, if that was larger.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        (peak,) = (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
        told = {"seconds": now - wall, "cpu_seconds": used - cpu, "peak_bytes": peak, "answer": answer}
        print(MARK + json.dumps(told), flush=True)
        wall, cpu = time.time(), time.process_time()


if __name__ == "__main__":
    main(*sys.argv[1:])

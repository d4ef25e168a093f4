"""One cold start: a new process that imports a handler and answers one event.

``cold_process.py FOLDER MODULE``: the event comes from standard input; standard output gets the handler's own
lines and then one line with the answer and the peak memory. Run by a runtime's interpreter, so it needs
nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["MARK"]

MARK = "\x1fcold "
"""What the last line begins with."""


def main(folder: str, module: str) -> None:
    """Answer one event."""
    sys.path.insert(0, folder)
    event = sys.stdin.buffer.read()
    handler = __import__(module).handler
    context: Any = SimpleNamespace(
        request_id="1-cold",
        region="cn-hangzhou",
        account_id="1234567890123456",
        function=SimpleNamespace(name=module, handler=f"{module}.handler", memory=128, timeout=60),
    )
    answer = handler(event, context)
    # Not getrusage: its figure is that of the process that started this one, if that was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
    print(
        MARK + json.dumps({"answer": answer, "peak_bytes": peak, "modules": sorted(sys.modules)}), flush=True
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The process of one function instance: runs a handler for one request after the other.

Run as a script, by any interpreter from 3.10 on, so it has the standard library only. Requests and answers go
through two pipes of their own: what a function prints does not disturb them. After each request a mark goes
to stdout and stderr, so that the other side knows which lines belong to it. The end of the request pipe ends
the process. Must not know where requests come from.

The shape of the context object is that of the vendor's page "Context" for the chosen runtime: python3.12 has
no ``credentials``, python3.10 no ``logger``.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import struct
import sys
import time
import traceback
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, BinaryIO

__all__ = ["end_mark", "read_message", "write_message"]

_LENGTHS = struct.Struct(">II")
_CREDENTIALS = {
    "access_key_id": "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "access_key_secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "security_token": "ALIBABA_CLOUD_SECURITY_TOKEN",
}


def write_message(stream: BinaryIO, header: Mapping[str, Any], payload: bytes) -> None:
    """Write one message: the lengths of both parts, the header as JSON, the payload as it is."""
    encoded = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(encoded), len(payload)) + encoded + payload)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None when the stream ends, even in the middle of one."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, payload_length = _LENGTHS.unpack(lengths)
    content = stream.read(header_length + payload_length)
    if len(content) < header_length + payload_length:
        return None
    return json.loads(content[:header_length]), content[header_length:]


def end_mark(request_id: str) -> bytes:
    """What is written to stdout and to stderr after a request; no text that a function prints has a NUL."""
    return f"\0{request_id}\n".encode()


def main(request_descriptor: int, answer_descriptor: int, code_folder: str) -> None:
    """Serve requests until the request pipe ends.

    Args:
        request_descriptor: the pipe to read from.
        answer_descriptor: the pipe to write to.
        code_folder: where the handler's module is.
    """
    for descriptor in (request_descriptor, answer_descriptor):
        # A program that the function starts must not keep the pipes open when this process ends.
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - os's signature
    # A project that the environment has installed editable, such as this one, is no package of it.
    ours = tuple(os.path.join(prefix, "") for prefix in (sys.prefix, sys.base_prefix))  # noqa: PTH118 - quick
    sys.path[:] = [code_folder, *(folder for folder in sys.path if folder.startswith(ours))]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    records = _LogFormat()
    log = logging.StreamHandler(sys.stdout)
    log.setFormatter(records)
    logging.getLogger().addHandler(log)
    logging.getLogger().setLevel(logging.INFO)
    with os.fdopen(request_descriptor, "rb") as requests, os.fdopen(answer_descriptor, "wb") as answers:
        while (message := read_message(requests)) is not None:
            header, event = message
            records.request_id = header["request_id"]
            error_type, payload = _invoke(header, event)
            _mark_end(header["request_id"])
            answer = {"error_type": error_type, "peak_memory_kib": _peak_memory_kib()}
            write_message(answers, answer, payload)


class _LogFormat(logging.Formatter):
    """Lines of the logging module have the time and the request's id in front."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = super().format(record)
        return f"{moment}.{int(record.msecs):03d}Z {self.request_id} [{record.levelname}] {text}"


def _invoke(header: Mapping[str, Any], event: bytes) -> tuple[str | None, bytes]:
    os.environ.update(header["environment"])
    try:
        module, _, name = header["function"]["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        return None, _encoded(handler(event, _context(header)))
    except Exception as error:  # noqa: BLE001 - the function's own, which becomes the answer
        # The first frame is this function.
        frames = traceback.extract_tb(error.__traceback__)[1:]
        document = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "stackTrace": [
                [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line or ""]
                for frame in frames
            ],
        }
        return "UnhandledInvocationError", json.dumps(document).encode()


def _context(header: Mapping[str, Any]) -> SimpleNamespace:
    context = SimpleNamespace(
        request_id=header["request_id"],
        region=os.environ["FC_REGION"],
        account_id=os.environ["FC_ACCOUNT_ID"],
        function=SimpleNamespace(**header["function"]),
    )
    if header["runtime"] == "python3.10":
        context.credentials = SimpleNamespace(
            # Empty texts where the function has no role.
            **{member: os.environ.get(name, "") for member, name in _CREDENTIALS.items()}
        )
    else:
        context.function.version_id = ""
        context.function.qualifier = "LATEST"
        context.logger = logging.getLogger()
    return context


def _peak_memory_kib() -> int:
    """The most resident memory of this process so far."""
    # Not ru_maxrss where there is a choice: on Linux that of a new program is no less than what the process
    # that started it had (exec keeps it), here the server's with all its tests.
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib is heavy to import
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except (OSError, UnicodeDecodeError):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def _encoded(result: Any) -> bytes:
    if isinstance(result, bytes):
        return result
    return (result if isinstance(result, str) else json.dumps(result)).encode()


def _mark_end(request_id: str) -> None:
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
            os.write(descriptor, end_mark(request_id))
        except (OSError, ValueError):
            # The function has closed it: then there is nothing left to mark, and the other side sees the end.
            continue


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])

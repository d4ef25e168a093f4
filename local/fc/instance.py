"""One function instance: its process, seen from the side that sends requests.

Limits the time of each request, and hands over each line that the function writes together with
the request it belongs to. Must not know functions by name, triggers or storage.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from . import worker

__all__ = ["Answer", "Instance", "LineSink"]

LineSink = Callable[[str, str, str], None]
"""Takes a request id, ``stdout`` or ``stderr``, and a line without its end."""

PROCESS_EXIT = "ProcessExit"
TIMEOUT = "FunctionTimeout"
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.005
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What came of one request.

    Attributes:
        payload: the function's result, or JSON that describes the error.
        error_type: None, or ``UnhandledInvocationError``, ``FunctionTimeout`` or ``ProcessExit``.
        peak_memory_mib: the most resident memory of the process so far, in MiB; 0 where it is not known.
    """

    payload: bytes
    error_type: str | None
    peak_memory_mib: float = 0.0


class Instance:
    """A worker process. One request at a time; after a timeout or a crash it takes no more.

    Args:
        interpreter: the Python that runs it.
        code_folder: where the handler's module is; the working directory too.
        environment: all of its variables.
        on_line: called from threads of this object.
        isolated: whether nothing but the standard library and the code folder can be imported; else what is
            in the interpreter's site-packages can be too.
    """

    def __init__(
        self,
        interpreter: Path,
        code_folder: Path,
        environment: Mapping[str, str],
        on_line: LineSink,
        *,
        isolated: bool = False,
    ) -> None:
        self._on_line = on_line
        self._request_id = ""
        self._ending = threading.Lock()
        request_end, self._requests = _pipe()
        self._answers, answer_end = _pipe()
        # Isolated: no PYTHON* variables, no user site, no script folder on the path. No .pyc files are
        # written either: the code folder is read-only in the cloud.
        options = ["-I", "-B", "-X", "utf8", *(["-S"] if isolated else [])]
        script = [worker.__file__, str(request_end.fileno()), str(answer_end.fileno()), str(code_folder)]
        with request_end, answer_end:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [str(interpreter), *options, *script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(request_end.fileno(), answer_end.fileno()),
                cwd=code_folder,
                env=dict(environment),
                # A group of its own: Ctrl-C in a terminal is for the server, and a kill is for all of it.
                start_new_session=True,
            )
        self._readers = {
            name: _Reader(cast("IO[bytes]", getattr(self._process, name)), name, self._line)
            for name in ("stdout", "stderr")
        }

    @property
    def alive(self) -> bool:
        """Whether it can take a request."""
        with self._ending:
            if self._process.returncode is not None:
                return False
            # Looks without reaping: while the leader is there, nobody else can have the group's number.
            look = os.WEXITED | os.WNOWAIT | os.WNOHANG
            return os.waitid(os.P_PID, self._process.pid, look) is None

    def invoke(self, header: Mapping[str, Any], event: bytes, timeout_seconds: float) -> Answer:
        """Let the handler run once.

        Args:
            header: ``request_id``, ``environment`` (variables to set first), ``runtime`` and ``function``.
            event: what the handler gets.
            timeout_seconds: when it is over, the process is killed.
        """
        request_id = header["request_id"]
        self._request_id = request_id
        for reader in self._readers.values():
            reader.expect(worker.end_mark(request_id))
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.kill()

        # The kill ends the pipes, so that writing and reading below end too.
        timer = threading.Timer(timeout_seconds, expire)
        timer.start()
        try:
            worker.write_message(self._requests, header, event)
            message = worker.read_message(self._answers)
        except BrokenPipeError:
            message = None
        finally:
            timer.cancel()
        if message is None:
            # The pipe ends a little before the process does, and the answer says how it ended.
            self._wait_for_end()
            self.kill()
        for reader in self._readers.values():
            reader.wait()
        if message is not None:
            return Answer(message[1], message[0]["error_type"], message[0]["peak_memory_kib"] / 1024)
        if expired.is_set():
            return _failure(request_id, TIMEOUT, f"Function timed out after {timeout_seconds:g} seconds")
        return _failure(
            request_id, PROCESS_EXIT, f"Process exited unexpectedly before completing request ({self._end()})"
        )

    def close(self) -> None:
        """End the process: an idle one ends by itself, any other by force. Nothing of it is left."""
        # It may have ended already, with a part of a request unread.
        with suppress(BrokenPipeError):
            self._requests.close()
        self._wait_for_end()
        self.kill()
        for reader in self._readers.values():
            reader.join()
        self._answers.close()

    def kill(self) -> None:
        """End the process, and all that it started, at once; a request under way is a ``ProcessExit``."""
        with self._ending:
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        while self.alive and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _line(self, stream: str, line: str) -> None:
        self._on_line(self._request_id, stream, line)

    def _end(self) -> str:
        code = self._process.returncode
        return f"signal {-code}" if code < 0 else f"exit status {code}"


class _Reader(threading.Thread):
    """Reads one output stream of the process, line by line, and sees the marks between requests."""

    def __init__(self, stream: IO[bytes], name: str, on_line: Callable[[str, str], None]) -> None:
        super().__init__(name=f"{name} of an instance", daemon=True)
        self._stream = stream
        self._stream_name = name
        self._on_line = on_line
        self._mark = b"\0"
        self._reached = threading.Event()
        self.start()

    def expect(self, mark: bytes) -> None:
        """Set the mark that ends the request which begins now."""
        self._reached.clear()
        self._mark = mark

    def wait(self) -> None:
        """Wait until the mark, or the stream's end, is reached.

        A program that the function left running may hold the stream open without a mark: then some of its
        lines are late, and belong to the next request.
        """
        if self.is_alive():
            self._reached.wait(_GRACE_SECONDS)

    def run(self) -> None:
        with self._stream:
            while line := self._stream.readline(_LONGEST_LINE):
                text = line.removesuffix(self._mark)
                if text or line != self._mark:
                    decoded = text.decode("utf-8", errors="replace")
                    self._on_line(self._stream_name, decoded.removesuffix("\n"))
                if text != line:
                    self._reached.set()
        self._reached.set()


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    read_end, write_end = os.pipe()
    return os.fdopen(read_end, "rb"), os.fdopen(write_end, "wb")


def _failure(request_id: str, error_type: str, message: str) -> Answer:
    document = {"errorMessage": f"RequestId: {request_id} Error: {message}", "errorType": error_type}
    return Answer(json.dumps(document).encode(), error_type)

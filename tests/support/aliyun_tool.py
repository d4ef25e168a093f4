"""The vendor's command line tool ``aliyun`` as a stand-in: what it takes, prints and refuses.

The limits are those of the tool's own source. A shell script finds it on its path, as it finds ``sleep``,
which lets the service's time go on. Both are a few lines of bash that ask this process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import jmespath

from .aliyun_apis import Apis, EndedError
from .stack_service import CloudError

CLIENT = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$(($# + 3))" "$PPID" "$PWD" "${{0##*/}}" "$@" >&3
while IFS= read -r line <&3; do
    case $line in
        O*) printf '%s\\n' "${{line:1}}" ;;
        E*) printf '%s\\n' "${{line:1}}" >&2 ;;
        R*) exit "${{line:1}}" ;;
    esac
done
exit 1
"""
OF_CHANGE_SETS = """StackId ChangeSetType UsePreviousParameters ReplacementOption TemplateURL TimeoutInMinutes
Parameters."""
PARAMETERS = {
    # API: the parameters that have to be given, and those that may be; RegionId goes with --region too.
    "sts GetCallerIdentity": ("", ""),
    "ram GetRole": ("RoleName", ""),
    "resourcemanager CreateServiceLinkedRole": ("ServiceName", "Description CustomSuffix"),
    "ros ValidateTemplate": ("", "TemplateURL TemplateBody"),
    "ros CreateStack": ("StackName", "TemplateURL TimeoutInMinutes DisableRollback ClientToken Parameters."),
    "ros ListStacks": ("", "StackName. Status. StackId PageSize PageNumber"),
    "ros GetStack": ("StackId", "ShowResourceProgress"),
    "ros DeleteStack": ("StackId", "RetainAllResources"),
    "ros ListStackEvents": ("StackId", "Status. PageSize PageNumber LogicalResourceId."),
    "ros ListStackResources": ("StackId", ""),
    "ros ListChangeSets": ("StackId", "ChangeSetName. PageSize PageNumber"),
    "ros GetChangeSet": ("ChangeSetId", "ShowTemplate"),
    "ros DeleteChangeSet": ("ChangeSetId", ""),
    "ros ExecuteChangeSet": ("ChangeSetId", "ClientToken"),
    "ros CreateChangeSet": ("ChangeSetName", OF_CHANGE_SETS),
}
OF_TOOL = frozenset({"RegionId", "region", "output", "waiter", "header", "body", "profile"})
LONGEST_WAIT = 600


class Tool:
    """The tool on a port, its account, and the calls that were made."""

    def __init__(self, folder: Path) -> None:
        self.apis = Apis()
        self.service, self.account = self.apis.service, self.apis.account
        self.calls: list[list[str]] = []
        self.slept: list[float] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._bin = folder / "bin"
        self._bin.mkdir()
        for name in ("aliyun", "sleep"):
            path = self._bin / name
            path.write_text(CLIENT.format(port=self._server.getsockname()[1]))
            path.chmod(0o755)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": f"{self._bin}:{os.environ['PATH']}", "TMPDIR": str(self._bin.parent), **more}

    def run(self, script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script to the letter."""
        path = self._bin.parent / "script.sh"
        path.write_text(script)
        return subprocess.run(
            ["sh", str(path)],
            env=self.environment(**variables),
            cwd=folder,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )

    def named(self, *names: str) -> list[list[str]]:
        """The calls of some APIs."""
        return [call for call in self.calls if call[1] in names]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as reader, suppress(ConnectionError):
                words = [_word(reader) for _ in range(int(_word(reader) or 0))]
                if words:
                    connection.sendall(self._answer(words))

    def _answer(self, words: list[str]) -> bytes:
        process, folder, program, *arguments = words
        if program == "sleep":
            self.slept.append(float(arguments[0]))
            self.service.sleep(float(arguments[0]))
            return b"R0\n"
        self.calls.append(arguments)
        try:
            self.account.before(len(self.calls), arguments, int(process))
            text, status, channel = self.called(arguments, Path(folder)), 0, "O"
        except EndedError as error:
            text, status, channel = f"ERROR: {error}", error.status, "E"
        except CloudError as error:
            answer = f"SDK.ServerError\nErrorCode: {error.code}\nRequestId: 1\nMessage: {error.message}"
            text, status, channel = f"ERROR: {answer}", 1, "E"
        lines = [f"{channel}{line}" for line in text.splitlines()]
        return "\n".join([*lines, f"R{status}", ""]).encode()

    def called(self, arguments: list[str], folder: Path) -> str:
        """What a call prints.

        Raises:
            EndedError: the tool refuses it.
            CloudError: the cloud does.
        """
        name = " ".join(arguments[:2])
        code, times = self.account.refused.get(name, ("", 0))
        if times:
            self.account.refused[name] = (code, times - 1)
            raise CloudError(code, "You are not authorized to do this operation.")
        words, options = _parsed(arguments)
        if words[0] == "oss":
            return self.apis.oss(words[1:], options, folder)
        if words[0] == "fc":
            return self.apis.function_compute(words[1], words[2], options)
        options = {
            _from_file(name, value, folder)[0]: _from_file(name, value, folder)[1]
            for name, value in options.items()
        }
        _check_parameters(name, options)
        answer = self.apis.answer(words[0], words[1], options)
        if "waiter" in options:
            raise EndedError(1, "--waiter is not to be used: it does not end at a failed state")
        return _printed(answer, options.get("output", []))


def kill(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    """End a script and what it started, as a machine that stops does."""
    os.killpg(os.getpgid(process), number)


def _word(reader: Any) -> str:
    found = bytearray()
    while (one := reader.read(1)) not in {b"", b"\0"}:
        found += one
    return found.decode()


def _parsed(arguments: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Words and options, as the tool tells them apart: a word that begins with - is an option."""
    words: list[str] = []
    options: dict[str, Any] = {}
    current = ""
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if name.startswith("--") and not name.startswith("---"):
            current = name[2:]
            if current in options and current != "output":
                raise EndedError(1, f"--{current} duplicated")
            options[current] = [] if current == "output" else ""
            if sign and value:
                options[current], current = value, ""
        elif argument.startswith("-") and not argument.startswith("---"):
            raise EndedError(1, f"not support flag form {name}")
        elif current == "output":
            options[current].append(argument)
        elif current:
            options[current], current = argument, "" if argument else current
        else:
            words.append(argument)
    return words, options


def _from_file(name: str, value: Any, folder: Path) -> tuple[str, Any]:
    """An option whose name ends in -FILE has its value from a file."""
    if not name.endswith("-FILE"):
        return name, value
    path = folder / value
    if path.stat().st_mode & 0o077:
        raise AssertionError(f"{path} can be read by others")
    return name.removesuffix("-FILE"), path.read_text()


def _check_parameters(name: str, options: Mapping[str, Any]) -> None:
    if name not in PARAMETERS:
        raise EndedError(2, f"'{name}' is not a valid api")
    required, optional = (set(names.split()) for names in PARAMETERS[name])
    for option in options:
        stem = option.partition(".")[0]
        if option not in required | optional | OF_TOOL and f"{stem}." not in optional:
            raise EndedError(2, f"'--{option}' is not a valid parameter or flag. See `aliyun help {name}`.")
    missing = sorted(required - options.keys())
    if name.startswith("ros") and "RegionId" not in options:
        missing.append("RegionId")
    if missing:
        raise EndedError(3, f"required parameters not assigned: {', '.join(f'--{one}' for one in missing)}")


def _json(answer: Any) -> str:
    return json.dumps(answer, indent=2, sort_keys=True)


def _printed(answer: Any, fields: Sequence[str]) -> str:
    """The answer, or the table that ``--output cols=... rows=...`` asks for."""
    if not fields:
        return _json(answer)
    given = dict(one.split("=", 1) for one in fields)
    columns = given["cols"].split(",")
    path = f"RootFilter[0].{given['rows']}" if "rows" in given else "RootFilter"
    rows = jmespath.search(path, {"RootFilter": [answer]})
    if not isinstance(rows, list):
        raise EndedError(1, f"jmespath: '{path}' failed Need Array Expr")
    cells = [columns, ["-" * len(column) for column in columns]]
    for row in rows:
        found = [jmespath.search(column, row) for column in columns]
        cells.append(["<nil>" if value is None else str(value) for value in found])
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return "\n".join(
        " | ".join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1]])
        for row in cells
    )

"""A real registry on a loopback port: docker-registry, with images made by umoci and pushed by skopeo.

All three are Debian packages of these names. What is pushed is tiny but real: manifests, blobs and
notifications are those that any client would cause.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import httpx

from ..base.loopback import LOOPBACK

__all__ = ["LocalRegistry", "RegistryError", "missing_tools"]

TOOLS = ("docker-registry", "skopeo", "umoci")
_START_SECONDS = 15.0
_COMMAND_SECONDS = 60.0


class RegistryError(RuntimeError):
    """Raised when the registry does not start or a tool fails; the text has the tool's own words."""


def missing_tools() -> list[str]:
    """The tools that are not on this machine."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class LocalRegistry:
    """docker-registry as a child process.

    Args:
        folder: for its storage, its log and the images' layouts.
        notify: endpoint name -> URL that gets its notifications.
        port: 0 for any free one.
    """

    answer = HTTPStatus.OK
    """What it answers, once it is up, to who has no password."""

    def __init__(self, folder: Path, notify: Mapping[str, str], *, port: int = 0) -> None:
        self._folder = folder
        self.port = port or _free_port()
        self._notify = notify
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Host and port as an image reference has them."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> LocalRegistry:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RegistryError: when it ends or stays silent.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "registry.json"
        settings.write_text(json.dumps(self._settings()), encoding="utf-8")  # JSON is YAML too
        with (self._folder / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - fixed program, own settings file
                ["docker-registry", "serve", str(settings)],  # noqa: S607 - found on PATH on purpose
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RegistryError(f"docker-registry did not start: {self._log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; nothing is left running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def push(self, repository: str, tag: str, *, content: str) -> str:
        """Make an image whose digest depends on ``content`` and push it.

        Args:
            repository: the path without the host.
            tag: the tag.
            content: any text; goes into the image's labels.

        Returns:
            The manifest's digest.

        Raises:
            RegistryError: when a tool fails.
        """
        layout = self._folder / "layouts" / repository.replace("/", "-") / tag
        if layout.exists():
            shutil.rmtree(layout)
        layout.parent.mkdir(parents=True, exist_ok=True)
        image = f"{layout}:{tag}"
        _run("umoci", "init", "--layout", str(layout))
        _run("umoci", "new", "--image", image)
        _run("umoci", "config", "--image", image, "--config.label", f"content={content}")
        digest_file = layout.parent / f"{tag}.digest"
        _run(
            "skopeo",
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            "--digestfile",
            str(digest_file),
            f"oci:{image}",
            f"docker://{self.host}/{repository}:{tag}",
        )
        return digest_file.read_text(encoding="ascii").strip()

    def pull(self, repository: str, tag: str) -> None:
        """Read an image's manifest and blobs, which causes pull notifications.

        Raises:
            RegistryError: when skopeo fails.
        """
        target = self._folder / "pulled" / repository.replace("/", "-") / tag
        target.mkdir(parents=True, exist_ok=True)
        _run(
            "skopeo",
            "--insecure-policy",
            "copy",
            "--quiet",
            "--src-tls-verify=false",
            f"docker://{self.host}/{repository}:{tag}",
            f"dir:{target}",
        )

    def _settings(self) -> dict[str, object]:
        return {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "storage")}},
            "http": {"addr": self.host},
            "notifications": {
                "endpoints": [
                    {"name": name, "url": url, "timeout": "10s", "threshold": 3, "backoff": "500ms"}
                    for name, url in self._notify.items()
                ]
            },
        }

    def _answers(self) -> bool:
        try:
            found = httpx.get(f"http://{self.host}/v2/", timeout=2.0, **LOOPBACK)
        except httpx.TransportError:
            return False
        return found.status_code == self.answer

    def _log_tail(self) -> str:
        return (self._folder / "registry.log").read_text(encoding="utf-8", errors="replace")[-2000:]


def _run(*command: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - programs named in TOOLS, arguments of our own
            command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryError(f"{command[0]} did not run: {error}") from error
    if done.returncode != 0:
        raise RegistryError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

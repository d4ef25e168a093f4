"""The real registry, closed to whoever has no password."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from local.registry.docker_registry import LocalRegistry

__all__ = ["PASSWORD", "USER", "PasswordRegistry"]

USER, PASSWORD = "robot", "MARK-password"
# The bcrypt hash of the password above.
_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuWs2ubD8aVZl8uGud.0bmX/lNlJTbW5C\n"


class PasswordRegistry(LocalRegistry):
    """What lies in its folder was pushed while another registry served it."""

    answer = HTTPStatus.UNAUTHORIZED

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {})
        self._htpasswd = folder / "htpasswd"
        self._htpasswd.write_text(_HTPASSWD, encoding="ascii")

    def _settings(self) -> dict[str, object]:
        return {**super()._settings(), "auth": {"htpasswd": {"realm": "r", "path": str(self._htpasswd)}}}

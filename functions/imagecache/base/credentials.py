"""The function's credentials, read anew at each invocation: temporary keys change while an instance lives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from .errors import CredentialsError

_KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
_KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"  # noqa: S105 - a variable's name
_TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN"  # noqa: S105 - a variable's name
_PLACEHOLDER = "(not shown, as it repeats a secret)"
_ENCODINGS = 3
_PARAMETER = re.compile(r"(?:SecurityToken|Password|Signature)=")
_TELLING = 12
"""How many first characters of a secret already give it away."""


@dataclass(frozen=True)
class Credentials:
    """An access key, temporary where it has a token. Its repr shows nothing of it."""

    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False, default="")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        parts = (self.access_key_id, self.access_key_secret, self.security_token)
        return tuple(part for part in parts if part)


def read_credentials(environ: Mapping[str, str], context: Any) -> Credentials:
    """The environment's credentials, else the context's.

    Python 3.12 runtimes have no ``context.credentials``: there only the variables count.

    Raises:
        CredentialsError: when neither has an id and a secret.
    """
    if environ.get(_KEY_ID) and environ.get(_KEY_SECRET):
        return Credentials(environ[_KEY_ID], environ[_KEY_SECRET], environ.get(_TOKEN, ""))
    given = getattr(context, "credentials", None)
    key_id = getattr(given, "access_key_id", None)
    secret = getattr(given, "access_key_secret", None)
    if key_id and secret:
        return Credentials(key_id, secret, getattr(given, "security_token", None) or "")
    raise CredentialsError(
        f"no credentials: neither {_KEY_ID} and {_KEY_SECRET} nor context.credentials; attach a role"
    )


def without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    """The text, or a placeholder for all of it where it repeats a secret.

    An answer may repeat a call percent-encoded once, twice or as a form, in either letter case, and may be
    cut off inside a secret. So its beginning is enough, or the name of a parameter that holds one.
    """
    hidden = {form[:_TELLING] for secret in secrets for form in _decodings(secret)}
    shown = _decodings(text)
    repeated = any(secret in form for secret in hidden for form in shown)
    return _PLACEHOLDER if repeated or any(_PARAMETER.search(form) for form in shown) else text


def _decodings(text: str) -> set[str]:
    forms = {text}
    for _ in range(_ENCODINGS):
        forms |= {decode(form) for form in forms for decode in (unquote, unquote_plus)}
    return forms

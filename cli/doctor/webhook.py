"""The webhook: its URL refuses who has no token."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ..services.account import Account
from .deployment import Deployment
from .findings import Finding, ok, unknown, wrong

NAMES = ("webhook",)
TIMEOUT_SECONDS = 10
_PATH = "/webhooks/native"


def check(_account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the URL."""
    if "OnWebhook" not in deployment.wanted:
        yield ok("webhook", "none is asked for: WebhookTokens is empty")
        return
    url = deployment.output("WebhookUrl").rstrip("/")
    if not url.startswith(("https://", "http://127.0.0.1:")):
        yield wrong("webhook", "the stack has no output WebhookUrl", deployment.update)
        return
    request = Request(url + _PATH, b"{}", {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - https, or loopback
            status = answer.status
    except HTTPError as error:
        status = error.code
    except (URLError, OSError) as error:
        why = type(getattr(error, "reason", error)).__name__
        yield unknown("webhook", f"its URL was not reached from here ({why})", "Look at the network.")
        return
    yield answered(status, deployment.region, deployment.update)


def answered(status: int, region: str, update: str) -> Finding:
    """What an answer to a request without a token means."""
    if status == HTTPStatus.UNAUTHORIZED:
        return ok("webhook", "its URL refuses who has no token")
    console = f"Function Compute console ({region}), on-webhook"
    if status == HTTPStatus.FORBIDDEN:
        remedy = f"{console}, Triggers: authentication is to be anonymous; or {update}"
        return wrong("webhook", "its URL wants a signature, which no registry makes (403)", remedy)
    if status < HTTPStatus.BAD_REQUEST:
        return wrong("webhook", f"its URL answers {status} to who has no token", update)
    return wrong("webhook", f"its URL answers {status}, not 401", f"{console}, Logs; or {update}")

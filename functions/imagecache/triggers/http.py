"""The HTTP trigger of Function Compute 3.0: its event, and the answer that it expects."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import InputError
from ..base.json_input import MAX_BODY_BYTES
from ..base.json_schema import validate
from ..base.reasons import Reason, Result
from ..engine.records import RETRIED, Outcome, answer_document
from ..model.webhook_sources import WEBHOOK_SOURCES

_BAD_REQUEST, _UNAUTHORIZED = 400, 401
_STATUS_OF_REJECTION = {
    Reason.UNAUTHORIZED: _UNAUTHORIZED,
    Reason.NO_TOKEN_CONFIGURED: _UNAUTHORIZED,
    Reason.UNKNOWN_SOURCE: 404,
    Reason.CACHE_NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.LIST_DIFFERS: 409,
    Reason.TOO_LARGE: 413,
}


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request.

    Attributes:
        method: in upper case.
        path: without the query.
        query: parameters; may hold secrets, so the repr does not show it.
        raw_body: as the event has it.
        headers: names in lower case; may hold secrets too. Values of one name, in any letter case, are joined
            by commas, as the platform joins them.
    """

    method: str
    path: str
    query: Mapping[str, str]
    raw_body: str
    is_base64: bool
    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.path})"

    def body(self) -> bytes:
        """The body's bytes.

        Raises:
            InputError: ``TOO_LARGE`` over 1 MiB, or ``NOT_JSON`` where the encoding is broken.
        """
        if len(self.raw_body) > MAX_BODY_BYTES * 4 // 3 + 4:
            raise _too_large(f"more than {MAX_BODY_BYTES} bytes")
        body = self.raw_body.encode("utf-8", errors="replace")
        if self.is_base64:
            try:
                body = base64.b64decode(body, validate=True)
            except ValueError:
                problem = "the body is not base64"
                raise InputError(
                    Reason.NOT_JSON, problem, where="body", rule="base64", found="something else"
                ) from None
        if len(body) > MAX_BODY_BYTES:
            raise _too_large(f"{len(body)} bytes")
        return body


def is_http_event(document: Any) -> bool:
    """Whether an invocation's event comes from an HTTP trigger."""
    return isinstance(document, Mapping) and "requestContext" in document


def read_http_event(document: Any) -> HttpRequest:
    """Read the trigger's event.

    Raises:
        InputError: when it is not of the documented shape.
    """
    validate(document, "http-trigger-event")
    return HttpRequest(
        method=document["requestContext"]["http"]["method"].upper(),
        path=document["rawPath"],
        query=document.get("queryParameters") or {},
        raw_body=document.get("body") or "",
        is_base64=bool(document.get("isBase64Encoded")),
        headers=_by_lower_case_name(document["headers"]),
    )


def http_answer(outcomes: Sequence[Outcome], near: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The HTTP answer with the outcomes, and of a dry run the plan, with the caches that almost match."""
    return _answer(status_code(outcomes), answer_document(outcomes, near))


def webhook_answer(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The HTTP answer to a webhook: what its sender, and whoever can see what it got, may know.

    A registry may show the answer to everybody who can set it up, so there are results, reasons and counts,
    of refused input the place and the rule, and no cache. Without a right token, or where settings are wrong,
    there is the id of the request alone: the records have the rest.
    """
    status = status_code(outcomes)
    document: dict[str, Any] = {"request_id": outcomes[0]["request_id"]}
    if status != _UNAUTHORIZED and outcomes[0]["reason"] != Reason.SETTINGS_INVALID.value:
        document["outcomes"] = _counted(outcomes)
    return _answer(status, document)


def _counted(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Like outcomes once each, with how many there are."""
    kinds = Counter(tuple(_kind(outcome).items()) for outcome in outcomes)
    return [{**dict(kind), "count": count} for kind, count in kinds.items()]


def _kind(outcome: Outcome) -> dict[str, str]:
    kind: dict[str, str] = {key: outcome[key] for key in ("result", "reason")}
    if outcome["result"] == Result.REJECTED.value:
        kind |= {key: outcome["error"][key] for key in ("where", "rule") if key in outcome["error"]}
    return kind


def _answer(status: int, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "isBase64Encoded": False,
        "body": json.dumps(document, ensure_ascii=True),
    }


def status_code(outcomes: Sequence[Outcome]) -> int:
    """The status for all outcomes together.

    503 if the sender must try something again, 500 if something failed for good, 202 if something is
    deferred, a 4xx if all was rejected, else 200.
    """
    asked = [outcome for outcome in outcomes if _counts(outcome)]
    results = {outcome["result"] for outcome in asked}
    if Result.FAILED.value in results:
        return 503 if any(outcome.get("fate") == RETRIED for outcome in outcomes) else 500
    if Result.DEFERRED.value in results:
        return 202
    if results == {Result.REJECTED.value}:
        return _STATUS_OF_REJECTION.get(Reason(outcomes[0]["reason"]), _BAD_REQUEST)
    return 200


def _counts(outcome: Outcome) -> bool:
    """Whether a record counts for the answer.

    A cache that could not be read was not asked for. An event that cannot be read, inside an envelope that
    can, never will be: its sender would send the envelope for ever, and nothing of what comes behind it.
    """
    if outcome["result"] == Result.REJECTED.value:
        source = WEBHOOK_SOURCES.get(outcome.get("source", ""))
        return source is None or not source.resends
    return bool(outcome["reason"] != Reason.CACHE_UNREADABLE.value)


def _by_lower_case_name(headers: Mapping[str, str]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def _too_large(found: str) -> InputError:
    return InputError(
        Reason.TOO_LARGE,
        f"the body has {found}, more than {MAX_BODY_BYTES}",
        where="body",
        rule=f"at most {MAX_BODY_BYTES} bytes",
        found=found,
    )

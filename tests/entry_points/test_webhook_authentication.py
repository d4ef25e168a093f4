"""How each source's sender shows that it may be let in: a token, a header, or the signature of the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from imagecache.model.webhook_sources import WEBHOOK_SOURCES, Access, Word
from tests.support.depth import every_value, pairs, sampled

TOKEN = "example-token-0123456789"
OTHER_TOKEN = "another-token-0123456789"
WRONG_TOKEN = "example-token-9876543210"
MIB = 1024 * 1024

SAMPLES = {
    "acr": "push_latest",
    "distribution": "push_latest",
    "github": "package_published",
}
"""The sample of a source that is a push; of all others it is named so."""


@pytest.fixture(autouse=True)
def two_tokens(doors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", f"{TOKEN},{OTHER_TOKEN}")
    # What a sender took for a token is nobody's business either.
    doors.secrets.extend([OTHER_TOKEN, WRONG_TOKEN])


def signature(body: str | bytes, *, key: str = TOKEN, algorithm: str = "sha256") -> str:
    data = body.encode() if isinstance(body, str) else body
    return f"{algorithm}={hmac.new(key.encode(), data, algorithm).hexdigest()}"


def request(
    doors: Any, source: str, payload: Any, headers: dict[str, str] | None = None, *, token: str | None = None
) -> dict[str, Any]:
    document = payload(f"{source}/{SAMPLES.get(source, 'push')}.json")
    registry = "registry.example.com" if WEBHOOK_SOURCES[source].word is Word.URL else None
    event: dict[str, Any] = doors.http(f"/webhooks/{source}", document, token=token, registry=registry)
    event["headers"].update(headers or {})
    return event


def assert_refused(told: Any, eci: Any, where: str, messages: set[str]) -> None:
    assert (told.status, told.results) == (401, [("rejected", "UNAUTHORIZED")])
    assert told.only["error"]["where"] == where
    assert told.only["message"] in messages
    assert "found" not in told.only["error"]
    assert eci.actions() == []


BARE = {source for source, known in WEBHOOK_SOURCES.items() if known.access is not Access.TOKEN}
"""Sources whose senders may show a token in an Authorization header without Bearer."""
WITH_TOKEN = [source for source, known in WEBHOOK_SOURCES.items() if known.access is not Access.SIGNATURE]

# headers, the token parameter, whether it is right for any source with tokens, whether for a bare one
HEADERS: dict[str, tuple[dict[str, str], str | None, bool, bool]] = {
    "parameter": ({}, TOKEN, True, True),
    "other token as parameter": ({}, OTHER_TOKEN, True, True),
    "bearer": ({"Authorization": f"Bearer {TOKEN}"}, None, True, True),
    "other token as bearer": ({"Authorization": f"Bearer {OTHER_TOKEN}"}, None, True, True),
    "lower-case name": ({"authorization": f"Bearer {TOKEN}"}, None, True, True),
    "lower-case scheme": ({"Authorization": f"bearer {TOKEN}"}, None, True, True),
    "spaces around": ({"Authorization": f"  Bearer   {TOKEN} "}, None, True, True),
    "bearer beside a wrong parameter": ({"Authorization": f"Bearer {TOKEN}"}, WRONG_TOKEN, True, True),
    "parameter beside a wrong bearer": ({"Authorization": f"Bearer {WRONG_TOKEN}"}, TOKEN, True, True),
    "parameter beside an empty header": ({"Authorization": ""}, TOKEN, True, True),
    "bare": ({"Authorization": TOKEN}, None, False, True),
    "other token, bare": ({"authorization": OTHER_TOKEN}, None, False, True),
    "missing": ({}, None, False, False),
    "empty": ({"Authorization": ""}, "", False, False),
    "scheme only": ({"Authorization": "Bearer"}, None, False, False),
    "empty bearer": ({"Authorization": "Bearer "}, None, False, False),
    "wrong bearer": ({"Authorization": f"Bearer {WRONG_TOKEN}"}, None, False, False),
    "wrong, bare": ({"Authorization": WRONG_TOKEN}, None, False, False),
    "another scheme": ({"Authorization": f"Token {TOKEN}"}, None, False, False),
    "basic": (
        {"Authorization": f"Basic {base64.b64encode(f'imc:{TOKEN}'.encode()).decode()}"},
        None,
        False,
        False,
    ),
    "no space": ({"Authorization": f"Bearer{TOKEN}"}, None, False, False),
    "bearer twice": ({"Authorization": f"Bearer Bearer {TOKEN}"}, None, False, False),
    "upper-case token": ({"Authorization": f"Bearer {TOKEN.upper()}"}, None, False, False),
    "percent-encoded": ({"Authorization": f"Bearer {TOKEN.replace('-', '%2D')}"}, None, False, False),
    "joined values": ({"Authorization": f"Bearer {TOKEN},Bearer {WRONG_TOKEN}"}, None, False, False),
    "joined values, right one last": (
        {"Authorization": f"Bearer {WRONG_TOKEN}, Bearer {TOKEN}"},
        None,
        False,
        False,
    ),
    "all configured ones": ({"Authorization": f"Bearer {TOKEN},{OTHER_TOKEN}"}, None, False, False),
    "one name in two cases": (
        {"Authorization": f"Bearer {TOKEN}", "authorization": f"Bearer {WRONG_TOKEN}"},
        None,
        False,
        False,
    ),
    "header of another name": ({"X-Authorization": f"Bearer {TOKEN}"}, None, False, False),
    "beyond ASCII": ({"Authorization": "Bearer \u00e9\ud800" + "x" * 20}, None, False, False),
}


def differs(case: str, source: str) -> bool:
    _, _, anywhere, bare = HEADERS[case]
    return source in BARE and anywhere != bare


@pytest.mark.parametrize(("case", "source"), pairs(list(HEADERS), WITH_TOKEN, quick=differs))
def test_a_token_is_taken_from_the_query_or_the_header_in_the_form_of_its_source(
    deployed: Any, doors: Any, payload: Any, source: str, case: str
) -> None:
    headers, token, anywhere, bare = HEADERS[case]
    told = doors.call("on_webhook", request(doors, source, payload, headers, token=token))
    if bare if source in BARE else anywhere:
        assert (told.status, told.results) == (200, [("ignored", "NO_MATCH")])
    else:
        assert_refused(told, deployed, "token", {"the token is wrong", "the token parameter is missing"})


SIGNATURES: dict[str, Any] = {
    "right": (lambda body: {"X-Hub-Signature-256": signature(body)}, True),
    "of the other token": (lambda body: {"X-Hub-Signature-256": signature(body, key=OTHER_TOKEN)}, True),
    "lower-case name": (lambda body: {"x-hub-signature-256": signature(body)}, True),
    "upper-case name": (lambda body: {"X-HUB-SIGNATURE-256": signature(body)}, True),
    "beside the older one": (
        lambda body: {
            "X-Hub-Signature": signature(body, algorithm="sha1"),
            "X-Hub-Signature-256": signature(body),
        },
        True,
    ),
    "wrong token": (lambda body: {"X-Hub-Signature-256": signature(body, key=WRONG_TOKEN)}, False),
    "of another body": (lambda body: {"X-Hub-Signature-256": signature(body + " ")}, False),
    "of no body": (lambda body: {"X-Hub-Signature-256": signature("")}, False),
    "of the same document otherwise written": (
        lambda body: {"X-Hub-Signature-256": signature(json.dumps(json.loads(body), indent=1))},
        False,
    ),
    "sha1": (lambda body: {"X-Hub-Signature-256": signature(body, algorithm="sha1")}, False),
    "sha512": (lambda body: {"X-Hub-Signature-256": signature(body, algorithm="sha512")}, False),
    "sha1 in its own header only": (
        lambda body: {"X-Hub-Signature": signature(body, algorithm="sha1")},
        False,
    ),
    "sha256 in the older header": (lambda body: {"X-Hub-Signature": signature(body)}, False),
    "without the algorithm": (
        lambda body: {"X-Hub-Signature-256": signature(body).removeprefix("sha256=")},
        False,
    ),
    "algorithm in upper case": (
        lambda body: {"X-Hub-Signature-256": signature(body).replace("sha256", "SHA256")},
        False,
    ),
    "digits in upper case": (
        lambda body: {"X-Hub-Signature-256": "sha256=" + signature(body)[7:].upper()},
        False,
    ),
    "cut off": (lambda body: {"X-Hub-Signature-256": signature(body)[:-1]}, False),
    "longer": (lambda body: {"X-Hub-Signature-256": signature(body) + "0"}, False),
    "joined values": (lambda body: {"X-Hub-Signature-256": f"{signature(body)},{signature('x')}"}, False),
    "joined values, right one last": (
        lambda body: {"X-Hub-Signature-256": f"{signature('x')}, {signature(body)}"},
        False,
    ),
    "one name in two cases": (
        lambda body: {"X-Hub-Signature-256": signature("x"), "x-hub-signature-256": signature(body)},
        False,
    ),
    "algorithm only": (lambda body: {"X-Hub-Signature-256": "sha256="}, False),
    "empty": (lambda body: {"X-Hub-Signature-256": ""}, False),
    "missing": (lambda body: {}, False),
    "the token itself": (lambda body: {"X-Hub-Signature-256": TOKEN}, False),
    "unkeyed": (
        lambda body: {"X-Hub-Signature-256": f"sha256={hashlib.sha256(body.encode()).hexdigest()}"},
        False,
    ),
    "beyond ASCII": (lambda body: {"X-Hub-Signature-256": "sha256=\u00e9\ud800"}, False),
    "bearer": (lambda body: {"Authorization": f"Bearer {TOKEN}"}, False),
}


@pytest.mark.parametrize(
    ("case", "token"),
    pairs(list(SIGNATURES), {"no token": (None,), "right token in the URL": (TOKEN,)}),
)
def test_github_is_let_in_by_the_signature_of_the_body_alone(
    deployed: Any, doors: Any, payload: Any, case: str, token: str | None
) -> None:
    headers_of, right = SIGNATURES[case]
    event = request(doors, "github", payload, token=token)
    headers = headers_of(event["body"])
    event["headers"].update(headers)
    told = doors.call("on_webhook", event)
    if right:
        assert (told.status, told.results) == (200, [("ignored", "NO_MATCH")])
        return
    missing = not any(value and name == "X-Hub-Signature-256" for name, value in headers.items())
    message = "the X-Hub-Signature-256 header is missing" if missing else "the signature is wrong"
    assert_refused(told, deployed, "X-Hub-Signature-256", {message})
    assert not [value for value in headers.values() if value and value in json.dumps(told.outcomes)]


def test_the_signature_is_that_of_the_bytes_that_were_sent(deployed: Any, doors: Any, payload: Any) -> None:
    # As it was signed, before base64: with blanks and characters that another writer would write otherwise.
    document = {**payload("github/package_published.json"), "note": "\u955c\u50cf"}
    body = json.dumps(document, indent=3, ensure_ascii=False).encode()
    event = doors.http("/webhooks/github", "", token=None)
    event.update(body=base64.b64encode(body).decode(), isBase64Encoded=True)
    event["headers"]["X-Hub-Signature-256"] = signature(body)
    assert doors.call("on_webhook", event).status == 200
    event["headers"]["X-Hub-Signature-256"] = signature(event["body"])
    assert doors.call("on_webhook", event).status == 401


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "body", ["{", "[" * 200_000, '{"a": NaN}', "push"], ids=["cut", "deep", "nan", "text"]
)
def test_a_body_is_not_parsed_before_its_signature_is_right(deployed: Any, doors: Any, body: str) -> None:
    event = doors.http("/webhooks/github", body, token=None)
    event["headers"]["X-Hub-Signature-256"] = signature("another body")
    assert doors.call("on_webhook", event).status == 401
    event["headers"]["X-Hub-Signature-256"] = signature(body)
    assert doors.call("on_webhook", event).status == 400


@pytest.mark.parametrize("encode", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_a_body_is_bounded_before_it_is_hashed(deployed: Any, doors: Any, encode: bool, signed: bool) -> None:
    body = "a" * (MIB + 1)
    event = doors.http("/webhooks/github", body, token=None, encode=encode)
    event["headers"].update({"X-Hub-Signature-256": signature(body)} if signed else {})
    told = doors.call("on_webhook", event)
    assert (told.status, told.results) == (413, [("rejected", "TOO_LARGE")])


@pytest.mark.parametrize("source", WEBHOOK_SOURCES)
def test_without_a_configured_token_no_source_is_let_in(
    deployed: Any, doors: Any, payload: Any, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", "")
    event = request(doors, source, payload, {"Authorization": "Bearer "}, token="")
    event["headers"]["X-Hub-Signature-256"] = signature(event["body"], key="")
    told = doors.call("on_webhook", event)
    assert (told.status, told.results) == (401, [("rejected", "NO_TOKEN_CONFIGURED")])
    assert deployed.actions() == []


@pytest.mark.parametrize("source", WEBHOOK_SOURCES)
def test_path_and_method_are_checked_before_who_asks(deployed: Any, doors: Any, source: str) -> None:
    assert doors.webhook(f"{source}x", "", token=None, method="GET").status == 404
    assert doors.webhook(source, "", token=None, method="GET").status == 405
    assert doors.webhook(source, "", token=None).status == 401


class Signer(NamedTuple):
    """How the sender of a source signs."""

    source: str
    header: str
    algorithm: str


SIGNERS = {
    "artifactory": Signer("artifactory", "X-JFrog-Event-Auth", "sha256"),
    "gitea": Signer("gitea", "X-Gitea-Signature", "sha256"),
    "forgejo": Signer("gitea", "X-Forgejo-Signature", "sha256"),
    "nexus": Signer("nexus", "X-Nexus-Webhook-Signature", "sha1"),
}
MADE: dict[str, tuple[Callable[[str, str], str], bool]] = {
    "wrong token": (lambda body, algorithm: digits(body, WRONG_TOKEN, algorithm), False),
    "of another body": (lambda body, algorithm: digits(body + "x", algorithm=algorithm), False),
    "of no body": (lambda body, algorithm: digits("", algorithm=algorithm), False),
    "another algorithm": (lambda body, algorithm: digits(body, algorithm="sha512"), False),
    "sha256 for sha1 and the other way round": (
        lambda body, algorithm: digits(body, algorithm="sha1" if algorithm == "sha256" else "sha256"),
        False,
    ),
    "with the algorithm": (lambda body, algorithm: signature(body, algorithm=algorithm), False),
    "in upper case": (lambda body, algorithm: digits(body, algorithm=algorithm).upper(), False),
    "cut off": (lambda body, algorithm: digits(body, algorithm=algorithm)[:-1], False),
    "twice": (lambda body, algorithm: ",".join([digits(body, algorithm=algorithm)] * 2), False),
    "unkeyed": (lambda body, algorithm: hashlib.new(algorithm, body.encode()).hexdigest(), False),
    "beyond ASCII": (lambda body, algorithm: "\u00e9\ud800", False),
    "a blank": (lambda body, algorithm: " ", False),
    "right": (lambda body, algorithm: digits(body, algorithm=algorithm), True),
    "of the other token": (lambda body, algorithm: digits(body, OTHER_TOKEN, algorithm), True),
}
"""What is in the header, and whether it is right; those that are let in come last, as they call ECI."""


def digits(body: str, key: str = TOKEN, algorithm: str = "sha256") -> str:
    return signature(body, key=key, algorithm=algorithm).partition("=")[2]


@every_value
@pytest.mark.parametrize("token", [None, TOKEN, WRONG_TOKEN], ids=["no token", "right token", "wrong token"])
@pytest.mark.parametrize("signer", SIGNERS)
def test_a_signature_that_is_there_decides_whatever_token_comes_with_it(
    deployed: Any, doors: Any, payload: Any, signer: str, token: str | None
) -> None:
    source, header, algorithm = SIGNERS[signer]
    for case, (make, right) in MADE.items():
        event = request(doors, source, payload, token=token)
        value = make(event["body"], algorithm)
        event["headers"][header] = value
        told = doors.call("on_webhook", event)
        if right:
            assert (told.status, told.results) == (200, [("ignored", "NO_MATCH")]), case
        else:
            assert_refused(told, deployed, header, {"the signature is wrong"})
            assert value == " " or value not in json.dumps(told.outcomes), case


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_header_without_a_signature_is_none(deployed: Any, doors: Any, payload: Any, signer: str) -> None:
    # Gitea writes its header without a value where no secret is set.
    source, header, _ = SIGNERS[signer]
    event = request(doors, source, payload, {header: ""})
    assert_refused(doors.call("on_webhook", event), deployed, "token", {"the token parameter is missing"})
    event = request(doors, source, payload, {header: ""}, token=TOKEN)
    assert doors.call("on_webhook", event).status == 200


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_signature_in_the_header_of_another_source_is_none(
    deployed: Any, doors: Any, payload: Any, signer: str
) -> None:
    source, _, algorithm = SIGNERS[signer]
    others = {one.header for one in SIGNERS.values() if one.source != source} | {"X-Hub-Signature-256"}
    for header in sorted(others):
        event = request(doors, source, payload)
        event["headers"][header] = digits(event["body"], algorithm=algorithm)
        told = doors.call("on_webhook", event)
        assert_refused(told, deployed, "token", {"the token parameter is missing"})


def test_of_two_signatures_both_must_be_right_and_made_with_one_token(
    deployed: Any, doors: Any, payload: Any
) -> None:
    first, second = SIGNERS["gitea"].header, SIGNERS["forgejo"].header
    for one, other, right in (
        (TOKEN, TOKEN, True),
        (TOKEN, WRONG_TOKEN, False),
        (WRONG_TOKEN, TOKEN, False),
        (TOKEN, OTHER_TOKEN, False),
    ):
        event = request(doors, "gitea", payload)
        body = event["body"]
        event["headers"].update({first: digits(body, one), second: digits(body, other)})
        assert doors.call("on_webhook", event).status == (200 if right else 401)
    assert deployed.updates() == []


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (TOKEN, True),
        (OTHER_TOKEN, True),
        (WRONG_TOKEN, False),
        (f"Bearer {TOKEN}", False),
        (TOKEN[:-1], False),
    ],
)
def test_artifactory_may_write_the_token_itself_where_it_does_not_sign(
    deployed: Any, doors: Any, payload: Any, value: str, right: bool
) -> None:
    for source in ("artifactory", "nexus", "gitea"):
        header = SIGNERS[source].header
        told = doors.call("on_webhook", request(doors, source, payload, {header: value}, token=TOKEN))
        assert told.status == (200 if right and source == "artifactory" else 401)


@pytest.mark.parametrize(
    "written",
    [
        json.dumps,
        lambda document: json.dumps(document, indent=3),
        lambda document: json.dumps(document, indent="\t", separators=(" , ", " :\r\n")),
        lambda document: json.dumps(document | {"note": ' a "b\\ \\" c\t'}, indent=1, ensure_ascii=False),
    ],
    ids=["usual", "indented", "odd", "blanks and quotes in texts"],
)
def test_nexus_signs_its_body_with_or_without_white_space(
    deployed: Any, doors: Any, payload: Any, written: Callable[[Any], str]
) -> None:
    text = written(payload("nexus/push.json"))
    compact = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    for signed, right in ((text, True), (compact, True), (text + " ", False), (compact + "x", False)):
        event = doors.http("/webhooks/nexus", text, token=None, registry="registry.example.com")
        event["headers"]["X-Nexus-Webhook-Signature"] = digits(signed, algorithm="sha1")
        assert doors.call("on_webhook", event).status == (200 if right else 401)
        # No other sender is known to do so.
        event = doors.http("/webhooks/gitea", text, token=None)
        event["headers"]["X-Gitea-Signature"] = digits(signed)
        assert doors.call("on_webhook", event).status == (400 if signed == text else 401)


@pytest.mark.parametrize(
    "body", sampled(['{"a": "' + '\\"' * 500_000, '"' * 1_000_000, "\\" * 1_000_000, " " * 1_000_000], 2)
)
def test_a_body_that_is_no_json_is_signed_in_no_time(deployed: Any, doors: Any, body: str) -> None:
    event = doors.http("/webhooks/nexus", body, token=None, registry="registry.example.com")
    event["headers"]["X-Nexus-Webhook-Signature"] = digits(body, WRONG_TOKEN, "sha1")
    assert doors.call("on_webhook", event).status == 401

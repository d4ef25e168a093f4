"""Every fault that can befall a call on its way: one of our errors, the right one, and no second rebuild."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.errors import EciError, TransientError
from imagecache.clients.eci_gateway import Accepted
from local.eci.control import EciControl
from local.eci.faults import ANSWER_KINDS
from local.eci.server import serve_eci
from local.permissions.credentials import CredentialStore
from tests.support.depth import every_value

REGION = "cn-hangzhou"
ACTIONS = ("DescribeImageCaches", "UpdateImageCache")
EXPECTED = {
    "error": ("SERVER_ERROR", {"code": "InternalError"}),
    "html": ("SERVER_ERROR", {}),
    "not_json": ("UNREADABLE_ANSWER", {}),
    "json_array": ("UNREADABLE_ANSWER", {}),
    "json_null": ("UNREADABLE_ANSWER", {}),
    "json_number": ("UNREADABLE_ANSWER", {}),
    "invalid_utf8": ("UNREADABLE_ANSWER", {}),
    "empty": ("UNREADABLE_ANSWER", {}),
    "truncated": ("UNREADABLE_ANSWER", {}),
    "slow": ("TIMED_OUT", {"delay_seconds": 30}),
    "reset": ("CONNECTION_FAILED", {}),
}
"""For each kind of fault the reason of the error that it ends in, and what the order of the fault needs."""
ATTEMPTS = 3
SHORT = 2.0
"""Seconds in which one slow answer can be waited for, and no second."""

each_kind = pytest.mark.parametrize("kind", list(EXPECTED))
each_action = pytest.mark.parametrize("action", ACTIONS)
each_quick_kind = pytest.mark.parametrize("kind", [kind for kind in EXPECTED if kind != "slow"])


def perform(gateway: Any, action: str, cache_id: str) -> Any:
    if action == "DescribeImageCaches":
        return gateway.describe_image_cache(REGION, cache_id)
    request = {
        "RegionId": REGION,
        "ImageCacheId": cache_id,
        "ClientToken": f"token-of-{cache_id}",
        "Image": ["nginx:1"],
    }
    return gateway.update_image_cache(request)


def failure(gateway: Any, action: str, cache_id: str) -> EciError:
    with pytest.raises(EciError) as raised:
        perform(gateway, action, cache_id)
    return raised.value


def test_every_kind_of_fault_is_expected_somewhere() -> None:
    assert set(EXPECTED) == set(ANSWER_KINDS)


@every_value
@each_action
@each_kind
def test_a_fault_that_stays_ends_in_one_error_of_ours(
    eci: Any, new_gateway: Any, credentials: Any, time_left: Any, kind: str, action: str
) -> None:
    reason, members = EXPECTED[kind]
    cache_id = eci.cache()
    eci.control.inject(kind, action=action, count=10, **members)
    deadline = time_left(SHORT if kind == "slow" else 60)

    error = failure(new_gateway(eci.url, credentials(eci.credential), deadline=deadline), action, cache_id)

    assert type(error) is TransientError
    assert (error.reason, error.calls) == (reason, 1 if kind == "slow" else ATTEMPTS)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert [call["fault"] for call in eci.control.journal(action)] == [kind] * error.calls


@every_value
@each_action
@each_quick_kind
def test_a_fault_that_passes_is_only_another_attempt(eci: Any, gateway: Any, kind: str, action: str) -> None:
    cache_id = eci.cache()
    eci.control.inject(kind, action=action, count=2, **EXPECTED[kind][1])

    result = perform(gateway, action, cache_id)

    if action == "DescribeImageCaches":
        assert result.image_cache_id == cache_id
    else:
        (history,) = eci.control.history()
        assert result == Accepted(history["request_id"], ATTEMPTS)
    assert [call["fault"] for call in eci.control.journal(action)] == [kind, kind, None]


@each_quick_kind
def test_an_update_whose_answer_is_lost_is_asked_for_again_and_made_once(
    eci: Any, gateway: Any, kind: str
) -> None:
    cache_id = eci.cache()
    eci.control.inject(kind, action="UpdateImageCache", acts=True, **EXPECTED[kind][1])

    accepted = perform(gateway, "UpdateImageCache", cache_id)

    (history,) = eci.control.history()
    assert accepted == Accepted(history["request_id"], 2)
    assert history["client_token"] == f"token-of-{cache_id}"
    assert eci.control.cache(cache_id)["status"] == "Updating"
    assert {call["ClientToken"] for call in eci.calls("UpdateImageCache")} == {f"token-of-{cache_id}"}


@each_kind
def test_an_update_whose_answers_are_all_lost_is_made_once_and_still_a_failure(
    eci: Any, new_gateway: Any, credentials: Any, time_left: Any, kind: str
) -> None:
    reason, members = EXPECTED[kind]
    cache_id = eci.cache()
    eci.control.inject(kind, action="UpdateImageCache", acts=True, count=10, **members)
    deadline = time_left(SHORT if kind == "slow" else 60)
    gateway = new_gateway(eci.url, credentials(eci.credential), deadline=deadline)

    assert failure(gateway, "UpdateImageCache", cache_id).reason == reason

    assert len(eci.control.history()) == 1


def test_an_update_that_was_not_made_before_the_reset_is_made_by_the_next_attempt(
    eci: Any, gateway: Any
) -> None:
    eci.control.inject("reset", action="UpdateImageCache")
    accepted = perform(gateway, "UpdateImageCache", eci.cache())
    first, second = eci.control.journal("UpdateImageCache")
    assert [update["request_id"] for update in eci.control.history()] == [second["request_id"]]
    assert first["request_id"] != accepted.request_id == second["request_id"]


@each_action
def test_a_pause_of_the_server_before_a_fault_does_not_change_what_it_is(
    eci: Any, gateway: Any, action: str
) -> None:
    eci.control.inject("html", action=action, status=504, delay_seconds=0.05, count=3)
    error = failure(gateway, action, eci.cache())
    assert (error.reason, error.http_status) == ("SERVER_ERROR", 504)


PAGES = [(status, "SERVER_ERROR") for status in (500, 502, 503, 504)]
# Without a code of ECI's, nothing says that a 4xx is final.
PAGES += [(status, "UNREADABLE_ANSWER") for status in (400, 403, 404, 408, 429)]


@every_value
@pytest.mark.parametrize(("status", "reason"), PAGES, ids=[str(status) for status, _ in PAGES])
@each_action
def test_a_page_of_a_gateway_in_front_tells_its_status_and_nothing_of_its_text(
    eci: Any, gateway: Any, action: str, status: int, reason: str
) -> None:
    eci.control.inject("html", action=action, status=status, count=3)
    error = failure(gateway, action, eci.cache())
    assert (type(error), error.reason, error.http_status) == (TransientError, reason, status)
    assert str(status) in error.message
    assert "<" not in error.message


def test_a_refusal_whose_text_is_cut_off_is_unreadable_and_not_permanent(eci: Any, gateway: Any) -> None:
    # What was cut off says whether the refusal passes: here it is IncorrectStatus.
    cache_id = eci.cache(status="Updating")
    eci.control.inject("truncated", action="UpdateImageCache", count=10)
    error = failure(gateway, "UpdateImageCache", cache_id)
    assert (type(error), error.reason) == (TransientError, "UNREADABLE_ANSWER")
    assert {call["code"] for call in eci.control.journal("UpdateImageCache")} == {"IncorrectStatus"}


ODD_ANSWERS = {
    "no HTTP": b"SSH-2.0-Server\r\n\r\n",
    "no status": b"HTTP/1.1 ok\r\n\r\n",
    "nothing": b"",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "a broken encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "a header in no encoding": b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "an error without a body": b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n",
    "an error that is null": b"HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nnull",
    "an error that is a number": b"HTTP/1.1 400 Bad\r\nContent-Length: 1\r\n\r\n5",
    "an error that is no UTF-8": b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n\xff\xfe",
}


@every_value
@each_action
@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=list(ODD_ANSWERS))
def test_an_answer_that_is_no_answer_is_a_passing_fault_and_nothing_else(
    new_gateway: Any, raw_server: Any, answer: bytes, action: str
) -> None:
    server = raw_server(lambda _head: answer)
    error = failure(new_gateway(server.url), action, "imc-1")
    assert type(error) is TransientError
    assert error.calls == ATTEMPTS


def test_a_redirection_is_not_followed(new_gateway: Any, raw_server: Any, respond: Any) -> None:
    # The call's URL is signed, and holds the token: it is for the endpoint alone.
    other = raw_server(lambda _head: b"")
    server = raw_server(lambda _head: respond("", 302, f"Location: {other.url}/"))
    error = failure(new_gateway(server.url), "DescribeImageCaches", "imc-1")
    assert error.http_status == 302
    assert other.connections == 0


@each_action
def test_connections_that_are_refused_are_a_passing_fault(new_gateway: Any, action: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refuses, and nobody else gets the port
        error = failure(new_gateway(f"http://127.0.0.1:{held.getsockname()[1]}"), action, "imc-1")
    assert (type(error), error.reason, error.calls) == (TransientError, "CONNECTION_FAILED", ATTEMPTS)
    assert error.http_status is None


@each_action
def test_a_server_that_comes_back_between_two_attempts_is_reached(
    new_gateway: Any, credentials: Any, tmp_path: Path, action: str
) -> None:
    database_path = tmp_path / "eci.sqlite"
    store = CredentialStore(database_path)
    credential = store.issue()
    store.close()
    with socket.socket() as held, ExitStack() as started:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

        def come_back(_seconds: float) -> None:
            served = started.enter_context(serve_eci(database_path, port=port))
            control = started.enter_context(closing(EciControl(served.url)))
            control.create_cache(
                image_cache_id="imc-1", region_id=REGION, image_cache_name="web", images=["nginx:1"]
            )

        gateway = new_gateway(f"http://127.0.0.1:{port}", credentials(credential), sleep=come_back)
        result = perform(gateway, action, "imc-1")
    if action == "DescribeImageCaches":
        assert result.image_cache_id == "imc-1"
    else:
        assert result.calls == 2

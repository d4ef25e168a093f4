"""What every local server stands on: the database, the access keys, and the serving of an application."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local.base.connections import wire_of
from local.base.database import STATE_VERSION, StateVersionError, connect, transaction
from local.base.loopback import LOOPBACK
from local.base.serving import serve
from local.permissions.credentials import CredentialStore
from tests.support.for_each import for_each


def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


def broken(_request: Request) -> Response:
    raise RuntimeError("a defect")


APP = Starlette(routes=[Route("/", hello), Route("/broken", broken)])


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    connection = connect(tmp_path / "new" / "a.sqlite")
    connection.execute("CREATE TABLE t (x INTEGER)")

    def fail() -> None:
        with transaction(connection) as held:
            held.execute("INSERT INTO t VALUES (1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with transaction(connection), transaction(connection) as held:
        held.execute("INSERT INTO t VALUES (2)")
    connection.close()
    with closing(connect(tmp_path / "new" / "a.sqlite")) as reopened:
        assert [row["x"] for row in reopened.execute("SELECT x FROM t")] == [2]


def test_threads_share_a_connection_without_losing_a_write(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.sqlite")
    connection.execute("CREATE TABLE t (x INTEGER)")
    connection.execute("INSERT INTO t VALUES (0)")

    def count() -> None:
        for _ in range(50):
            with transaction(connection) as held:
                (value,) = held.execute("SELECT x FROM t").fetchone()
                held.execute("UPDATE t SET x = ?", (value + 1,))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connection.execute("SELECT x FROM t").fetchone()["x"] == 400
    connection.close()


def test_many_open_a_new_database_at_once(tmp_path: Path) -> None:
    problems: list[sqlite3.Error] = []
    together = threading.Barrier(8)

    def open_it() -> None:
        together.wait()
        try:
            CredentialStore(tmp_path / "a.sqlite").close()
        except sqlite3.Error as error:
            problems.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        connect(tmp_path / "a.sqlite")


@pytest.mark.parametrize("version", [0, STATE_VERSION + 1], ids=["before-versions", "later"])
def test_a_file_of_another_version_is_named_and_left_as_it_is(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.sqlite"
    other = sqlite3.connect(path)
    other.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (7)")
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    with pytest.raises(StateVersionError, match=f"^{re.escape(str(path))} .*: delete the file"):
        CredentialStore(path)
    left = sqlite3.connect(path)
    assert left.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    assert left.execute("SELECT x FROM t").fetchall() == [(7,)]
    assert left.execute("PRAGMA user_version").fetchone() == (version,)
    left.close()


def test_issued_keys_are_found_by_every_store_on_the_file_until_revoked(tmp_path: Path) -> None:
    ours, theirs = CredentialStore(tmp_path / "a.sqlite"), CredentialStore(tmp_path / "a.sqlite")
    temporary, lasting = ours.issue(), ours.issue(temporary=False)
    assert theirs.lookup(temporary.access_key_id) == temporary
    assert theirs.lookup(lasting.access_key_id) == lasting
    theirs.revoke(temporary.access_key_id)
    assert ours.lookup(temporary.access_key_id) is None
    assert ours.lookup(lasting.access_key_id) == lasting
    ours.close()
    theirs.close()


def test_a_temporary_key_has_a_token_and_an_end(tmp_path: Path) -> None:
    store = CredentialStore(tmp_path / "a.sqlite", clock=lambda: 1000.0)
    temporary, lasting = store.issue(lifetime_seconds=60), store.issue(temporary=False)
    assert temporary.security_token
    assert temporary.expires_at == 1060.0
    assert [temporary.expired(1059.9), temporary.expired(1060.0)] == [False, True]
    assert (lasting.security_token, lasting.expires_at, lasting.expired(1e12)) == (None, None, False)
    store.close()


def test_a_key_does_not_show_its_secrets(tmp_path: Path) -> None:
    store = CredentialStore(tmp_path / "a.sqlite")
    key = store.issue()
    assert key.access_key_secret not in repr(key)
    assert str(key.security_token) not in repr(key)
    store.close()


def test_a_served_application_answers_until_it_is_closed() -> None:
    released: list[bool] = []
    with serve(APP, name="test", release=lambda: released.append(True)) as served:
        assert httpx.get(served.url, **LOOPBACK).text == "hello"
        assert released == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url, **LOOPBACK)
    assert released == [True]
    served.close()


def test_a_port_can_be_taken_again_at_once_and_not_twice() -> None:
    with serve(APP, name="first") as first, pytest.raises(OSError, match="in use"):
        serve(APP, name="second", port=first.port)
    with serve(APP, name="third", port=first.port) as third:
        assert httpx.get(third.url, **LOOPBACK).text == "hello"


@for_each("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])  # noqa: S104 - refused
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve(APP, name="test", host=host)


def test_localhost_is_loopback() -> None:
    with serve(APP, name="test", host="localhost") as served:
        assert served.url == f"http://127.0.0.1:{served.port}"


def test_a_defect_is_answered_with_500_and_the_server_goes_on() -> None:
    with serve(APP, name="test") as served:
        assert httpx.get(f"{served.url}/broken", **LOOPBACK).status_code == 500
        assert httpx.get(served.url, **LOOPBACK).text == "hello"


def test_closing_waits_for_a_running_answer() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(_request: Request) -> Response:
        entered.set()
        assert go_on.wait(10)
        return PlainTextResponse("late")

    answers: list[str] = []
    served = serve(Starlette(routes=[Route("/", slow)]), name="test")
    client = threading.Thread(target=lambda: answers.append(httpx.get(served.url, **LOOPBACK).text))
    client.start()
    assert entered.wait(10)
    closer = threading.Thread(target=served.close)
    closer.start()
    go_on.set()
    client.join()
    closer.join()
    assert answers == ["late"]


def test_a_server_closes_while_it_refuses() -> None:
    async def refuse(request: Request) -> Response:
        wire_of(request.scope).refuse(3600)
        return PlainTextResponse("refusing", headers={"connection": "close"})

    with serve(Starlette(routes=[Route("/", refuse)]), name="test") as served:
        assert httpx.get(served.url, **LOOPBACK).text == "refusing"
        with pytest.raises(httpx.ConnectError, match="refused"):
            httpx.get(served.url, **LOOPBACK)
    with serve(APP, name="next", port=served.port) as following:
        assert httpx.get(following.url, **LOOPBACK).text == "hello"


def test_a_wire_is_there_only_under_our_server() -> None:
    with pytest.raises(KeyError):
        wire_of({"type": "http", "extensions": {}})


def test_what_an_application_holds_is_freed_where_its_port_is_taken() -> None:
    freed: list[str] = []
    with serve(APP, name="first") as first:
        with pytest.raises(OSError, match="in use"):
            serve(APP, port=first.port, name="second", release=lambda: freed.append("second"))
        assert freed == ["second"]

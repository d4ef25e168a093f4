"""What the gateway does on the wire: TLS, endpoints, proxies, kept connections and fresh credentials."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imagecache.base.credentials import Credentials
from imagecache.base.errors import EciError
from imagecache.clients.aliyun_sdk import EciConnections
from imagecache.clients.eci_gateway import Accepted
from tests.support.depth import every_value
from tests.support.rpc_calls import form_of, parameters_of, url_of

REGION = "cn-hangzhou"
UNKNOWN_REGION = "xx-nowhere-9"
NOT_LOOPBACK = "127.1"
"""A host that is no name of loopback to the application, and leads there without any name server."""
PROXY_VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
CLIENT_HELLO = b"\x16\x03"

of_tls = pytest.mark.filterwarnings(
    # The SDK's own copy of urllib3 makes its TLS context in a way that Python means to give up, and warns of
    # a handshake without the server's name, of which there is a test.
    "ignore:ssl\\.:DeprecationWarning",
    "ignore:An HTTPS request has been made, but the SNI",
)

EMPTY = {"RequestId": "R-1", "ImageCaches": [], "NextToken": ""}


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for a host, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{host}.pem", folder / f"{host}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@pytest.fixture
def tls_server(tmp_path: Path, raw_server: Any, respond: Any) -> Callable[[str], tuple[Any, Path]]:
    """Starts a TLS server whose certificate names a host; gives it and the file of its certificate."""

    def start(host: str) -> tuple[Any, Path]:
        chain, key = certificate(tmp_path, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        return raw_server(lambda _head: respond(EMPTY), tls=context), chain

    return start


def failure(gateway: Any, region_id: str = REGION) -> EciError:
    with pytest.raises(EciError) as raised:
        gateway.list_image_caches(region_id)
    return raised.value


@of_tls
def test_an_https_endpoint_is_called_over_tls(
    new_gateway: Any, tls_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, chain = tls_server("localhost")
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(chain))
    assert new_gateway(f"https://localhost:{server.port}").list_image_caches(REGION) == ()
    (head,) = server.received
    assert head.startswith(b"POST /?")
    assert b"Action=DescribeImageCaches" in head


@of_tls
def test_the_handshake_names_the_host_that_is_wanted(
    new_gateway: Any, tls_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Server name indication (RFC 6066, section 3): a front of several hosts chooses the certificate by it.
    server, chain = tls_server("localhost")
    named: list[str | None] = []
    server.tls.sni_callback = lambda _socket, name, _context: named.append(name)
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(chain))
    new_gateway(f"https://localhost:{server.port}").list_image_caches(REGION)
    assert named == ["localhost"]


@of_tls
def test_the_first_bytes_to_an_https_endpoint_begin_a_tls_handshake(
    new_gateway: Any, raw_server: Any
) -> None:
    server = raw_server(lambda _data: b"")
    error = failure(new_gateway(f"https://127.0.0.1:{server.port}"))
    assert error.reason == "CONNECTION_FAILED"
    assert len(server.received) == error.calls == 3
    for data in server.received:
        assert data.startswith(CLIENT_HELLO)
        assert data[5] == 1  # the handshake message ClientHello (RFC 8446, section 4)
        assert b"Action" not in data


@of_tls
@pytest.mark.parametrize(
    ("named", "trusted"),
    [("localhost", False), ("other.example", True)],
    ids=["unknown issuer", "other host"],
)
def test_a_server_that_does_not_prove_who_it_is_gets_no_request(
    new_gateway: Any, tls_server: Any, monkeypatch: pytest.MonkeyPatch, named: str, trusted: bool
) -> None:
    server, chain = tls_server(named)
    if trusted:
        monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(chain))
    assert failure(new_gateway(f"https://localhost:{server.port}")).reason == "CONNECTION_FAILED"
    assert server.connections == 3
    assert server.received == []


def test_a_region_that_the_sdk_does_not_know_needs_no_other_call(
    eci: Any, new_gateway: Any, credentials: Any, raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever does not go to loopback would go through this proxy.
    proxy = raw_server(lambda _head: b"")
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, proxy.url)
    cache_id = eci.cache(region_id=UNKNOWN_REGION)
    (cache,) = new_gateway(eci.url, credentials(eci.credential)).list_image_caches(UNKNOWN_REGION)
    assert (cache.image_cache_id, cache.region_id) == (cache_id, UNKNOWN_REGION)
    assert [call["action"] for call in eci.control.journal()] == ["DescribeImageCaches"]
    assert proxy.connections == 0


@of_tls
@pytest.mark.parametrize("region_id", [REGION, UNKNOWN_REGION])
def test_the_endpoint_is_that_of_the_region(
    new_gateway: Any, raw_server: Any, monkeypatch: pytest.MonkeyPatch, region_id: str
) -> None:
    # The proxy is asked for the endpoint by its name, so no name server is needed to see it.
    proxy = raw_server(lambda _head: b"HTTP/1.1 502 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    error = failure(new_gateway("https://eci.{region}.example.invalid"), region_id)
    assert error.reason == "CONNECTION_FAILED"
    asked = [head.split(b" ")[:2] for head in proxy.received]
    assert asked == [[b"CONNECT", f"eci.{region_id}.example.invalid:443".encode()]] * 3


def test_each_region_of_one_gateway_has_its_own_endpoint(
    new_gateway: Any, raw_server: Any, respond: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = raw_server(lambda _head: respond(EMPTY))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    gateway = new_gateway("http://eci.{region}.example.invalid")
    for region_id in ("cn-hangzhou", "cn-beijing"):
        assert gateway.list_image_caches(region_id) == ()
    assert [urlsplit(head.split(b" ")[1]).netloc for head in proxy.received] == [
        b"eci.cn-hangzhou.example.invalid",
        b"eci.cn-beijing.example.invalid",
    ]


def test_keys_of_the_sdk_s_own_variables_are_not_used(
    eci: Any, new_gateway: Any, credentials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "other-id")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "other-secret")
    assert new_gateway(eci.url, credentials(eci.credential)).list_image_caches(REGION) == ()
    (call,) = eci.calls("DescribeImageCaches")
    assert call["AccessKeyId"] == eci.credential.access_key_id


def test_a_lasting_key_is_used_without_a_token(eci: Any, new_gateway: Any, credentials: Any) -> None:
    lasting = eci.store.issue(temporary=False)
    assert new_gateway(eci.url, credentials(lasting)).list_image_caches(REGION) == ()


@every_value
@pytest.mark.parametrize("variable", PROXY_VARIABLES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_called_without_a_proxy(
    eci: Any,
    new_gateway: Any,
    credentials: Any,
    raw_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    host: str,
) -> None:
    proxy = raw_server(lambda _head: b"")
    monkeypatch.setenv(variable, proxy.url)
    gateway = new_gateway(eci.url.replace("127.0.0.1", host), credentials(eci.credential))
    assert gateway.list_image_caches(REGION) == ()
    assert proxy.connections == 0


def test_another_host_is_called_through_the_proxy(
    new_gateway: Any, raw_server: Any, respond: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = raw_server(lambda _head: respond(EMPTY))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert new_gateway(f"http://{NOT_LOOPBACK}:9").list_image_caches(REGION) == ()
    (head,) = proxy.received
    assert head.startswith(f"POST http://{NOT_LOOPBACK}:9/?".encode())


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_a_host_that_is_to_have_no_proxy_is_called_directly(
    eci: Any,
    new_gateway: Any,
    credentials: Any,
    raw_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    proxy = raw_server(lambda _head: b"")
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv(variable, f"other.example, {NOT_LOOPBACK}")
    gateway = new_gateway(eci.url.replace("127.0.0.1", NOT_LOOPBACK), credentials(eci.credential))
    assert gateway.list_image_caches(REGION) == ()
    assert proxy.connections == 0


@of_tls
@pytest.mark.parametrize(
    ("no_proxy", "at_proxy", "at_server"),
    [("", [b"CONNECT "], []), ("other.example", [b"CONNECT "], []), (NOT_LOOPBACK, [], [CLIENT_HELLO])],
    ids=["none", "another host", "this host"],
)
def test_the_proxy_of_an_https_endpoint_is_asked_unless_the_host_is_to_have_none(
    new_gateway: Any,
    raw_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    no_proxy: str,
    at_proxy: list[bytes],
    at_server: list[bytes],
) -> None:
    proxy, server = raw_server(lambda _head: b""), raw_server(lambda _data: b"")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    error = failure(new_gateway(f"https://{NOT_LOOPBACK}:{server.port}"))
    assert error.reason == "CONNECTION_FAILED"
    assert [data[:8] for data in proxy.received] == at_proxy * error.calls
    assert [data[:2] for data in server.received] == at_server * error.calls


def test_a_proxy_for_one_endpoint_does_not_stay_for_the_next(
    eci: Any,
    new_gateway: Any,
    credentials: Any,
    raw_server: Any,
    respond: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = raw_server(lambda _head: respond(EMPTY))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    connections = EciConnections()
    for url in (f"http://{NOT_LOOPBACK}:9", eci.url, f"http://{NOT_LOOPBACK}:9"):
        gateway = new_gateway(url, credentials(eci.credential), connections=connections)
        assert gateway.list_image_caches(REGION) == ()
    assert len(proxy.received) == 2
    assert len(eci.control.journal()) == 1


def test_threads_that_bring_new_credentials_get_one_client_on_the_open_connections() -> None:
    connections = EciConnections()
    session = connections.client(Credentials("key-0", "secret-0")).session
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as pool:
            for number in range(1, 30):
                credentials = Credentials(f"key-{number}", f"secret-{number}")
                start = threading.Barrier(16)

                def client(start: threading.Barrier = start, credentials: Credentials = credentials) -> Any:
                    start.wait(10)
                    return connections.client(credentials)

                clients = [each.result() for each in [pool.submit(client) for _ in range(16)]]
                assert {id(each) for each in clients} == {id(clients[0])}
                assert clients[0].session is session
    finally:
        sys.setswitchinterval(usual)
        session.close()


def test_passwords_of_a_netrc_file_are_not_sent(
    new_gateway: Any, raw_server: Any, respond: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password of-another-service\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    server = raw_server(lambda _head: respond(EMPTY))
    new_gateway(server.url).list_image_caches(REGION)
    (head,) = server.received
    assert b"authorization" not in head.lower()


def test_every_attempt_is_a_request_of_its_own(new_gateway: Any, raw_server: Any, respond: Any) -> None:
    answers = iter([respond({"Code": "Throttling", "Message": "m"}, 400), b"", respond({"RequestId": "R-1"})])
    server = raw_server(lambda _head: next(answers))
    request = {"RegionId": REGION, "ImageCacheId": "imc-1", "ClientToken": "t-1", "Image": ["nginx:1"]}
    assert new_gateway(server.url).update_image_cache(request) == Accepted("R-1", 3)
    calls = [parameters_of(url_of(call), form_of(call)) for call in server.received]
    for name in ("SignatureNonce", "Signature"):
        assert len({call[name] for call in calls}) == 3
    for call in calls:
        assert call["ClientToken"] == "t-1"
        assert (call["Image.1"], call["SecurityToken"]) == ("nginx:1", "token")


class Front:
    """Passes connections on to a server, and counts them."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", urlsplit(url).port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
                self.connections += 1
                self._ends += client, server
                for ends in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=self._pass_on, args=ends, daemon=True))
                    self._threads[-1].start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """End all connections, and wait until they have ended."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        for end in self._ends:
            end.close()
        del self._ends[:], self._threads[1:]

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        self.drop()


@pytest.fixture
def front(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """Stands before the server that the functions are deployed against."""
    made = Front(deployed.url)
    monkeypatch.setenv("IMC_ECI_ENDPOINT", made.url)
    yield made
    made.close()


def test_invocations_share_a_connection_also_with_other_credentials(
    deployed: Any, doors: Any, front: Front, use_credential: Any
) -> None:
    first, second = deployed.credential, deployed.store.issue()
    results = []
    for credential, image_cache_id in ((first, deployed.cache()), (second, deployed.cache())):
        use_credential(credential)
        told = doors.manual({"imageCacheId": image_cache_id})
        results.append([record["result"] for record in told.outcomes])
        deployed.store.revoke(credential.access_key_id)
    assert results == [["refreshed"], ["refreshed"]]
    assert front.connections == 1
    keys = [call["AccessKeyId"] for call in deployed.calls("UpdateImageCache")]
    assert keys == [first.access_key_id, second.access_key_id]


def test_credentials_that_are_revoked_do_not_work_on_the_open_connection(
    deployed: Any, doors: Any, front: Front
) -> None:
    assert doors.manual({"imageCacheId": deployed.cache()}).error is None
    deployed.store.revoke(deployed.credential.access_key_id)
    (record,) = doors.manual({"imageCacheId": deployed.cache()}).outcomes
    assert record["error"]["code"] == "InvalidAccessKeyId.NotFound"
    assert front.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced_without_a_failed_call(
    deployed: Any, doors: Any, front: Front
) -> None:
    assert doors.manual({"imageCacheId": deployed.cache()}).error is None
    front.drop()
    (record,) = doors.manual({"imageCacheId": deployed.cache()}).outcomes
    assert (record["result"], record["update_calls"]) == ("refreshed", 1)
    assert front.connections == 2
    assert {call["code"] for call in deployed.control.journal()} == {None}

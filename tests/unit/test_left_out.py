"""What the SDKs import and nothing here uses is left out, and is there for others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from imagecache.clients.left_out import left_out

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
ALL = ("acr_login", "eci", "aliyun_sdk", "fc_signatures", "http_calls")


def python(source: str) -> str:
    """What a new interpreter prints; a warning is an error there."""
    run = subprocess.run(
        [sys.executable, "-W", "error::Warning:requests", "-c", source],
        env={"PYTHONPATH": str(FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stderr == ""
    return run.stdout


@pytest.mark.parametrize("modules", [ALL, ALL[::-1]], ids=" ".join)
def test_it_is_not_imported_whichever_client_comes_first(modules: tuple[str, ...]) -> None:
    imports = "; ".join(f"import imagecache.clients.{name}" for name in modules)
    loaded = python(f"import sys; {imports}; print(*sys.modules)").split()
    tops = {name.partition(".")[0] for name in loaded}
    assert {"requests", "fc2", "aliyunsdkcore"} <= tops
    assert not tops & {"charset_normalizer", "websocket", "cryptography"}
    assert not [
        name for name in loaded if name.startswith("aliyunsdkcore.vendored.requests.packages.chardet")
    ]


def test_others_get_the_real_ones_afterwards() -> None:
    source = "import imagecache.clients.fc_signatures, charset_normalizer, websocket; "
    assert python(source + "print(charset_normalizer.from_bytes, websocket.WebSocketApp)").count("<") == 2


def test_one_that_is_there_already_stays() -> None:
    source = "import charset_normalizer as there, imagecache.clients.http_calls, requests; "
    assert python(source + "print(requests.compat.chardet is there)").strip() == "True"


def test_a_module_that_was_imported_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("charset_normalizer", "websocket"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    real = ModuleType("websocket")
    with left_out():
        assert sys.modules["charset_normalizer"].detect(b"") == {"encoding": "utf-8"}
        sys.modules["websocket"] = real
    assert sys.modules["websocket"] is real
    assert "charset_normalizer" not in sys.modules


def test_an_answer_that_states_no_encoding_is_read_as_utf_8() -> None:
    source = (
        "import imagecache.clients.http_calls, requests; answer = requests.Response(); "
        "answer._content = 'a\\u00e9'.encode(); print(ascii(answer.text))"
    )
    assert python(source).strip() == r"'a\xe9'"

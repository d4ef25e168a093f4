"""What the SDKs import and nothing here uses: empty modules take its place while they are imported.

A cold start then does not pay for it (``make bench``), and the package leaves it out
(deploy/package/content.py). Whoever imports such a module afterwards gets the real one, where it is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def _utf_8(_content: bytes) -> dict[str, str]:
    return {"encoding": "utf-8"}


_UNUSED: Mapping[str, Mapping[str, Any]] = {
    # Signs with an RSA key pair, which a function never has, by cryptography: a tenth of a cold start.
    "aliyunsdkcore.auth.algorithm.sha_hmac256": {},
    # These two guess the encoding of texts that do not state it. Answers are read as bytes here.
    "aliyunsdkcore.vendored.requests.packages.chardet": {"detect": _utf_8},
    # requests warns at its import without one of a version from 2 to 3.
    "charset_normalizer": {"__version__": "3.0.0", "detect": _utf_8},
    # A console in an instance of a function. fc2 names the class in an annotation.
    "websocket": {"WebSocketApp": object},
}
"""Names of modules, and what of each the importing module needs."""


@contextmanager
def left_out() -> Iterator[None]:
    """For the length of the block, modules that are not used are empty, if they are not imported yet."""
    placed = {name: ModuleType(name) for name in _UNUSED if name not in sys.modules}
    for name, module in placed.items():
        vars(module).update(_UNUSED[name])
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name, module in placed.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

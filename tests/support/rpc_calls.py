"""Calls of the vendor's RPC style as a server reads them: parameters in the query and in the form."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

__all__ = ["form_of", "parameters_of", "url_of"]


def parameters_of(target: str, form: bytes) -> dict[str, str]:
    """The parameters of a call, those of the query first; each is there once."""
    texts = (urlsplit(target).query, form.decode("ascii"))
    pairs = [pair for text in texts for pair in parse_qsl(text, keep_blank_values=True)]
    parameters = dict(pairs)
    assert len(parameters) == len(pairs), f"a parameter is there twice: {sorted(name for name, _ in pairs)}"
    return parameters


def url_of(request: bytes) -> str:
    """The target in the first line of an HTTP request."""
    return request.split(b" ")[1].decode("ascii")


def form_of(request: bytes) -> bytes:
    """The body of an HTTP request."""
    return request.partition(b"\r\n\r\n")[2]

"""A registry of one repository: a list of tags, and a manifest for each; what it answers is settable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_server import QuietHandler, serve_http

__all__ = ["CHART", "IMAGE", "TaggedRegistry"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE, CHART = "application/vnd.oci.image.config.v1+json", "application/vnd.cncf.helm.config.v1+json"


@dataclass
class TaggedRegistry:
    """What a registry answers: a status for the list of tags, and one for manifests; 200 is an answer.

    Attributes:
        config: the media type of every manifest's config.
        builds: how often a tag was built anew: each time it has another digest.
        created: tag -> when its manifest says that the image was made.
        modified: tag -> when the registry says that the manifest came.
    """

    list_status: int = 200
    manifest_status: int = 200
    config: str = IMAGE
    tags: list[str] = field(default_factory=lambda: ["v1.0.0", "v1.0.1"])
    builds: dict[str, int] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    host: str = ""

    @contextmanager
    def serve(self) -> Iterator[TaggedRegistry]:
        """Serve it on a port of loopback."""
        with serve_http(self._handler()) as host:
            self.host = host
            yield self

    def digest(self, tag: str) -> str:
        """The digest of a tag's manifest."""
        return f"sha256:{hashlib.sha256(f'{tag} {self.builds.get(tag, 0)}'.encode()).hexdigest()}"

    def _handler(self) -> type[QuietHandler]:
        registry = self

        class Handler(QuietHandler):
            def respond(self) -> None:
                path = self.path.partition("?")[0]
                listing = path.endswith("/tags/list")
                status = registry.list_status if listing else registry.manifest_status
                if status != 200:
                    self.answer(status, b"{}", ("Retry-After", "0"))
                elif listing:
                    self.answer(200, json.dumps({"name": "prod/web", "tags": registry.tags}).encode())
                else:
                    document: dict[str, Any] = {
                        "schemaVersion": 2,
                        "mediaType": MANIFEST,
                        "config": {"mediaType": registry.config},
                    }
                    tag = path.rpartition("/")[2]
                    if tag in registry.created:
                        document["annotations"] = {"org.opencontainers.image.created": registry.created[tag]}
                    facts = [("Content-Type", MANIFEST), ("Docker-Content-Digest", registry.digest(tag))]
                    if tag in registry.modified:
                        facts.append(("Last-Modified", registry.modified[tag]))
                    self.answer(200, json.dumps(document).encode(), *facts)

        return Handler

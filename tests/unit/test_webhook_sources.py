"""Which sources speak for a registry, and whose word a payload's registry is."""

from __future__ import annotations

from imagecache.model.registry_identity import registry_identity
from imagecache.model.webhook_sources import WEBHOOK_SOURCES, Word, own_sources
from tests.support.for_each import for_each

ACR = {"acr", "acs.cr"}


@for_each(
    ("host", "sources"),
    [
        ("registry.cn-hangzhou.aliyuncs.com", ACR),
        ("registry-vpc.cn-hangzhou.aliyuncs.com", ACR),
        ("acme-registry.cn-hangzhou.cr.aliyuncs.com", ACR),
        ("crpi-a1b2c3d4e5f6g7h8.cn-hangzhou.personal.cr.aliyuncs.com", ACR),
        ("REGISTRY.cn-hangzhou.aliyuncs.com:443", ACR),
        ("registry.cn-hangzhou.aliyuncs.com:8443", ACR),
        ("some-new-form.aliyuncs.com", ACR),
        ("docker.io", {"dockerhub"}),
        ("index.docker.io", {"dockerhub"}),
        ("registry-1.docker.io:443", {"dockerhub"}),
        ("registry.hub.docker.com", {"dockerhub"}),
        ("ghcr.io", {"github"}),
        ("docker.pkg.github.com", {"github"}),
        ("quay.io", {"quay"}),
        ("acme.azurecr.io", {"azure"}),
        ("acme.azurecr.cn", {"azure"}),
        ("registry.example.com", set()),
        ("docker.io.example.com", set()),
        ("notdocker.io", set()),
        ("aliyuncs.com.example.net", set()),
        ("xaliyuncs.com", set()),
        ("quay.example.com", set()),
        ("azurecr.io", set()),
        ("localhost:5000", set()),
    ],
)
def test_a_registry_has_the_sources_of_who_runs_it(host: str, sources: set[str]) -> None:
    assert own_sources(registry_identity(host)) == sources


def test_every_source_with_registries_of_its_own_is_in_the_table() -> None:
    own = {"acr", "azure", "dockerhub", "github", "quay"}
    assert {name for name, source in WEBHOOK_SOURCES.items() if source.word is Word.VENDOR} == own

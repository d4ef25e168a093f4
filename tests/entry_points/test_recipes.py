"""The recipes of docs/sources.md, as they stand there: an event of each sender's form reaches its cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dukpy
import jq
import pytest

from tests.support.http_server import QuietHandler, serve_http

SOURCES = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
TOKEN = "example-token-0123456789"
REFRESHED, NOT_AN_IMAGE = ("refreshed", "TAG_REPUSHED"), ("ignored", "NOT_AN_IMAGE")
DIGEST = "sha256:5a0c3e7b9d1f2468ace013579bdf02468ace13579bdf02468ace13579bdf0246"


def block(recipe: str, language: str, number: int = 0) -> str:
    """A block of code under the heading of a recipe."""
    (text,) = re.findall(rf"^### {recipe}\n(.*?)(?=^###? )", SOURCES, re.DOTALL | re.MULTILINE)
    return str(re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[number])


def google(event: Any) -> Any:
    """What the transform of the subscription makes of a message."""
    program = (
        f"{block('Google Artifact Registry', 'js')}\npush({{data: dukpy.event, attributes: {{}}}}, {{}})"
    )
    message = dukpy.evaljs(program, event=json.dumps(event))
    return message and json.loads(message["data"])


def amazon(event: Any) -> Any:
    """What the rule and its input transformer make of an event; a value that is missing is empty."""
    if not matches(json.loads(block("Amazon ECR", "json")), event):
        return None
    transformer = json.loads(block("Amazon ECR", "json", 1))
    text = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        value = event
        for key in path.removeprefix("$.").split("."):
            value = value.get(key, "")
        text = text.replace(f"<{name}>", value)
    return json.loads(text)


def matches(pattern: Any, event: Any) -> bool:
    if isinstance(pattern, dict):
        return all(matches(wanted, event.get(key)) for key, wanted in pattern.items())
    return event in pattern or (pattern == [{"exists": True}] and event is not None)


def event_grid(event: Any) -> Any:
    """What the action makes of an event: each expression is a way into it, and empty if it leads nowhere."""

    def value(expression: re.Match[str]) -> str:
        found = event
        for key in re.findall(r"\?\['([^']+)'\]", expression[1]):
            found = (found or {}).get(key)
        return found or ""

    body = json.loads(block("Azure Event Grid", "json"))
    return {key: re.sub(r"@\{triggerBody\(\)(.*?)\}", value, text) for key, text in body.items()}


def by_jq(recipe: str) -> Callable[[Any], Any]:
    """What the program of a recipe makes of an event, None for nothing."""
    return lambda event: next(iter(jq.compile(block(recipe, "jq")).input_value(event).all()), None)


WAYS: dict[str, Callable[[Any], Any]] = {
    "google": google,
    "ecr": amazon,
    "event_grid": event_grid,
    "zot": by_jq("zot"),
    "cdevents": by_jq("CDEvents"),
}
IMAGES = {
    "google": "europe-west1-docker.pkg.dev/acme/prod/web:v1",
    "ecr": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/prod/web:v1",
    "ecr_without_types": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/prod/web:v1",
    "event_grid": "acme.azurecr.io/prod/web:v1",
    "zot": "zot.example.com/prod/web:v1",
    "zot_data": "zot.example.com/prod/web:v1",
    "cdevents": "registry.example.com/prod/web:v1",
    "cdevents_without_digest": "registry.example.com/prod/web:v1",
}
PASSED_ON_TO_NOBODY = [
    *("google_deleted", "google_without_tag", "zot_by_digest", "zot_deleted"),
    *("cdevents_npm", "cdevents_packaged", "cdevents_without_tag"),
]
OTHERS = {
    "ecr_chart": (200, NOT_AN_IMAGE),
    "zot_chart": (200, NOT_AN_IMAGE),
    "event_grid_without_tag": (400, ("rejected", "INVALID_REFERENCE")),
}


def mapped(payload: Any, sample: str) -> Any:
    way = next(way for way in WAYS if sample == way or sample.startswith(f"{way}_"))
    return WAYS[way](payload(f"recipes/{sample}.json"))


def test_every_sample_is_in_one_table(samples: Any) -> None:
    assert samples("recipes") == {*IMAGES, *PASSED_ON_TO_NOBODY, *OTHERS, "tencent", "gitlab"}


@pytest.mark.parametrize("sample", IMAGES)
def test_an_event_becomes_a_push_of_its_image(deployed: Any, doors: Any, payload: Any, sample: str) -> None:
    cache = deployed.cache(IMAGES[sample])
    document = mapped(payload, sample)
    told = doors.webhook("native", document)
    assert (told.status, told.results, told.only["image"]) == (200, [REFRESHED], IMAGES[sample])
    assert list(deployed.updated()) == [cache]
    assert told.only.get("digest") == (None if sample == "cdevents_without_digest" else DIGEST)
    # Where a sender states a time it counts, so that a second delivery is covered.
    dated = {"ecr", "ecr_without_types", "event_grid", "cdevents", "cdevents_without_digest"}
    assert told.only["pushed_at"].startswith("2026-03-02T02:15:30") is (sample in dated)


@pytest.mark.parametrize("sample", PASSED_ON_TO_NOBODY)
def test_what_is_no_push_of_a_tag_is_passed_on_to_nobody(payload: Any, sample: str) -> None:
    assert mapped(payload, sample) is None


@pytest.mark.parametrize("sample", OTHERS)
def test_what_is_no_image_is_not_promoted(deployed: Any, doors: Any, payload: Any, sample: str) -> None:
    status, result = OTHERS[sample]
    told = doors.webhook("native", mapped(payload, sample))
    assert (told.status, told.results) == (status, [result])
    assert deployed.actions() == []


@pytest.mark.parametrize(
    "change",
    [{"action-type": "DELETE"}, {"result": "FAILURE"}, {"image-tag": None}],
    ids=str,
)
def test_the_rule_for_ecr_lets_nothing_else_pass(payload: Any, change: dict[str, Any]) -> None:
    event = payload("recipes/ecr.json")
    event["detail"].update(change)
    assert amazon(event) is None


def test_tencents_registry_is_read_as_harbor(deployed: Any, doors: Any, payload: Any) -> None:
    cache = deployed.cache("acme-tcr.tencentcloudcr.com/prod/web:v1")
    event = doors.http("/webhooks/harbor", payload("recipes/tencent.json"), token=None)
    event["headers"]["Authorization"] = f"Bearer {TOKEN}"
    assert doors.call("on_webhook", event).results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


def test_gitlabs_registry_is_read_as_distribution(deployed: Any, doors: Any, payload: Any) -> None:
    cache = deployed.cache("registry.gitlab.example.com/prod/shop/web:v1")
    (url,) = re.findall(r"'<WebhookUrl>(/\S+)'", block("GitLab", "ruby"))
    path, _, registry = url.partition("?registry=")
    event = doors.http(path, payload("recipes/gitlab.json"), token=None, registry=registry)
    event["headers"]["Authorization"] = f"Bearer {TOKEN}"
    assert doors.call("on_webhook", event).results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


DOCKER = """#!/bin/sh
[ "$1" = inspect ] && echo "registry.example.com/prod/web@DIGEST"
exit 0
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("refusals", [0, 2, 99])
def test_the_script_for_ci_reports_its_push_or_fails(
    deployed: Any, doors: Any, tmp_path: Path, refusals: int
) -> None:
    received: list[tuple[str, str, bytes]] = []

    class Webhook(QuietHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Authorization"], body))
            self.answer(200 if len(received) > refusals else 503, b"{}", ("Retry-After", "0"))

    docker = tmp_path / "docker"
    docker.write_text(DOCKER.replace("DIGEST", DIGEST))
    docker.chmod(0o755)
    with serve_http(Webhook) as url:
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "IMC_TOKEN": TOKEN,
            "IMC_WEBHOOK_URL": url,
        }
        script = block("Continuous integration", "sh").replace("--retry 5", "--retry 2 --retry-delay 0")
        command = ["sh", "-c", script, "ci", "v1"]
        ended = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ended.returncode == 0) is (refusals < 3), ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr
    path, authorization, body = received[-1]
    assert len(received) == min(refusals + 1, 3)
    cache = deployed.cache("registry.example.com/prod/web:v1")
    event = doors.http(path, body.decode(), token=None)
    event["headers"]["Authorization"] = authorization
    assert doors.call("on_webhook", event).results == [REFRESHED]
    assert list(deployed.updated()) == [cache]

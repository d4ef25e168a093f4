"""The fuzz's oracle: it must see every wrong answer, and nothing where none is."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagecache.model.reference import parse_reference
from imagecache.model.registry_identity import registry_identity
from imagecache.model.webhook_sources import WEBHOOK_SOURCES
from tests.fuzz.batch import Batch, Failure, play_batch
from tests.fuzz.cases import Case, make_case, sample_case
from tests.fuzz.failures import read_case, written
from tests.fuzz.fleet import fleet, known_registry
from tests.fuzz.judge import complaints, concerned, named_images, sample_complaints
from tests.fuzz.outcome_schema import is_valid_outcome
from tests.fuzz.reading import SOURCES, bus_images, webhook_images
from tests.fuzz.run import Answer, play
from tests.fuzz.samples import NAMED_BY_URL, PUSHED, TARGETS, samples
from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(
    json.loads((ROOT / "schemas/outcome.schema.json").read_text(encoding="utf-8"))
)
PUSH = sample_case("native", "native/push")
MUTATED = [50, pytest.param(150, marks=pytest.mark.deep)]
NUMBERS = [0, *(pytest.param(number, marks=pytest.mark.deep) for number in range(1, 8))]


@pytest.fixture(scope="module")
def right() -> Answer:
    return play(PUSH)


def kinds(found: Sequence[str]) -> set[str]:
    return {complaint.split()[0] for complaint in found}


def changed(answer: Answer, **members: Any) -> Answer:
    """The answer with members of its first outcome replaced."""
    first, *others = answer.outcomes
    return replace(answer, outcomes=[{**first, **members}, *others])


def test_every_source_is_read_and_has_samples() -> None:
    assert set(SOURCES) == set(WEBHOOK_SOURCES)
    assert set(PUSHED) <= {name for target in TARGETS for name in samples(target)}
    assert all(any(PUSHED[name] for name in PUSHED if name.startswith(f"{target}/")) for target in TARGETS)


@pytest.mark.parametrize("module", ["fleet", "reading"])
def test_what_the_oracle_knows_it_does_not_know_from_the_library(module: str) -> None:
    tree = ast.parse((ROOT / f"tests/fuzz/{module}.py").read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    }
    assert imported <= {
        "__future__",
        "collections.abc",
        "dataclasses",
        "functools",
        "json",
        "re",
        "typing",
    } | {
        "urllib.parse",
        "fleet",
    }


@pytest.mark.parametrize("count", MUTATED)
@pytest.mark.parametrize("target", TARGETS)
def test_all_samples_and_some_mutated_payloads_are_answered_rightly(target: str, count: int) -> None:
    tallies = [play_batch(Batch(1, target, None, None)), play_batch(Batch(1, target, 0, count))]
    assert [failure.what for tally in tallies for failure in tally.failures] == []
    assert [tally.cases for tally in tallies] == [len(samples(target)), count]
    # Where nothing were a push, or everything, not much would have been tried.
    for tally in tallies:
        assert min(tally.pushes, tally.rejected, tally.ignored) > 0
        assert tally.updates == tally.justified > 0
    assert (tallies[1].strangers > 0) is (target in SOURCES)


def test_a_right_answer_has_no_fault(right: Answer) -> None:
    assert named_images(PUSH) == {("registry.example.com", "prod/web", "v1")}
    assert complaints(PUSH, right) == sample_complaints(PUSH, right) == []
    assert len(right.updates) == len(concerned(named_images(PUSH))) > 0


OTHER = next(one for one in fleet() if one.entries[0].text == "harbor.example.com/prod/web:v1")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"escaped": "KeyError: 'tag'"}, {"EXCEPTION"}, id="an exception"),
        pytest.param({"outcomes": [], "lines": ""}, {"NO", "RECORD"}, id="no outcome"),
        pytest.param({"lines": ""}, {"LINES"}, id="a record that was not written"),
        pytest.param({"lines": "x\n" * 9}, {"LINES"}, id="too many lines"),
        pytest.param({"status": 500}, {"STATUS"}, id="an odd status"),
        pytest.param({"updates": {}}, {"LOST", "RECORD"}, id="an update that was not made"),
        pytest.param(
            {"updates": {OTHER.image_cache_id: [OTHER.entries[0].text]}},
            {"LOST", "RECORD", "UNJUSTIFIED"},
            id="an update of another registry's image",
        ),
    ],
)
def test_a_wrong_answer_is_seen(right: Answer, members: Mapping[str, Any], expected: set[str]) -> None:
    assert kinds(complaints(PUSH, replace(right, **members))) == expected


def test_a_wrong_list_is_seen(right: Answer) -> None:
    updates = {identifier: [*images, "more"] for identifier, images in right.updates.items()}
    assert kinds(complaints(PUSH, replace(right, updates=updates))) == {"LIST"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"result": "failed", "reason": "INTERNAL_ERROR"}, {"INVALID"}, id="failed without fate"),
        pytest.param({"reason": "NO_TAG"}, {"PAIR"}, id="a reason that is none of its result's"),
        pytest.param({"reason": "NO_SUCH"}, {"PAIR"}, id="an unknown reason"),
        pytest.param(
            {"result": "planned", "reason": "TAG_REPUSHED"}, {"PAIR", "RECORD"}, id="another result"
        ),
        pytest.param({"message": "m" * 1025}, {"INVALID"}, id="a text that is too long"),
        pytest.param({"surprise": 1}, {"INVALID"}, id="an unknown key"),
        pytest.param({"image": OTHER.entries[0].text}, {"UNJUSTIFIED"}, id="another image"),
    ],
)
def test_a_wrong_record_is_seen(right: Answer, members: Mapping[str, Any], expected: set[str]) -> None:
    first = next(index for index, one in enumerate(right.outcomes) if one["result"] == "refreshed")
    ordered = [right.outcomes[first], *right.outcomes[:first], *right.outcomes[first + 1 :]]
    found = kinds(complaints(PUSH, changed(replace(right, outcomes=ordered), **members)))
    assert expected <= found <= {*expected, "RECORD"}


def test_a_token_in_a_record_is_seen(right: Answer) -> None:
    lines = right.lines.replace("registry.example.com", "example-token-0123456789", 1)
    assert kinds(complaints(PUSH, replace(right, lines=lines))) == {"SECRET"}


def test_a_stranger_who_is_let_in_is_seen(right: Answer) -> None:
    assert kinds(complaints(replace(PUSH, known=False), right)) == {"STRANGER"}
    refused = play(replace(PUSH, query=(("token", "another-token-0123"),), headers=(), known=False))
    assert complaints(replace(PUSH, known=False), refused) == []
    assert kinds(complaints(PUSH, refused)) == {"STATUS"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("native/push", "READING of native/push"), ("native/bad_digest", "is not refused")],
)
def test_a_sample_that_is_taken_for_another_is_seen(right: Answer, name: str, expected: str) -> None:
    body = json.dumps({"image": "harbor.example.com/prod/web:v1"}).encode()
    found = sample_complaints(replace(PUSH, body=body, sample=name), right)
    assert any(expected in complaint for complaint in found)
    assert any(complaint.startswith("SAMPLE") for complaint in found)


def changed_at(document: Any, path: Sequence[Any], value: Any) -> Any:
    target = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return document


@for_each(
    ("name", "path", "value"),
    [
        ("acr/push_latest", ["push_data", "tag"], ["latest"]),
        ("acr/push_latest", ["push_data", "tag"], "v1.sig"),
        ("azure/push", ["action"], "Push"),
        ("azure/push", ["target", "mediaType"], "application/vnd.cncf.helm.config.v1+json"),
        ("distribution/push_latest", ["events", 0, "action"], "pull"),
        ("distribution/push_latest", ["events"], {}),
        ("dockerhub/push", ["repository"], None),
        ("github/package_published", ["action"], "deleted"),
        ("github/package_published", ["package", "package_type"], "npm"),
        (
            "github/package_published",
            ["package", "package_version", "package_url"],
            "ghcr.io/prod/\u212aiosk",
        ),
        ("harbor/push", ["type"], "PULL_ARTIFACT"),
        ("harbor/push", ["event_data", "resources", 0, "resource_url"], "user@harbor.example.com/prod/web"),
        ("native/push", ["image"], "registry.example.com.example.org/prod/web:v1"),
        ("native/push", ["image"], "registry.example.com/prod/web@sha256:0"),
        ("quay/push", ["docker_url"], "x.example.com/x://quay.io/prod/web"),
    ],
)
def test_a_document_that_no_longer_says_so_names_no_image_of_the_fleet(
    name: str, path: Any, value: Any
) -> None:
    source = name.partition("/")[0]
    document = json.loads(json.dumps(samples(source)[name]))
    named = NAMED_BY_URL.get(source)
    assert concerned(webhook_images(source, document, named))
    assert not concerned(webhook_images(source, changed_at(document, path, value), named))


@for_each(
    ("path", "value"),
    [
        (["source"], "acs.oss"),
        (["type"], "cr:Artifact:ScanCompleted"),
        (["data", "BuildStatus"], "FAILED"),
        (["data", "InstanceId"], "crpi-a1b2c3d4e5f6g7h8-vpc"),
        (["data"], []),
    ],
)
def test_a_vendors_event_that_no_longer_says_so_names_none(path: Any, value: Any) -> None:
    event = json.loads(json.dumps(samples("cloudevents")["cloudevents/build_succeeded"]))
    assert concerned(bus_images([event, 7]))
    assert not concerned(bus_images([changed_at(event, path, value), None]))


def test_the_fleet_means_what_the_library_reads_in_it() -> None:
    for one in fleet():
        for entry in one.entries:
            if entry.image is not None:
                reference = parse_reference(entry.text)
                host, repository, tag = entry.image
                assert (registry_identity(reference.host), reference.repository) == (host, repository)
                assert (reference.effective_tag, known_registry(reference.host)) == (tag, host)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("target", TARGETS)
def test_the_quick_check_of_records_agrees_with_the_validator(target: str, number: int) -> None:
    for outcome in play(make_case(2, target, number)).outcomes:
        for key, value in outcome.items():
            for bad in (value, None, 7, "x" * 2000, [value], {}, "", -1):
                record = {**outcome, key: bad}
                assert is_valid_outcome(record) == VALIDATOR.is_valid(record), (key, bad)


def test_a_case_can_be_played_again_from_its_file(tmp_path: Path) -> None:
    for number, target in enumerate(TARGETS):
        case: Case = make_case(3, target, number)
        command = written(Failure(case, "STATUS 500", number), 3, tmp_path / "fuzz")
        assert read_case(Path(command.rpartition(" ")[2])) == case

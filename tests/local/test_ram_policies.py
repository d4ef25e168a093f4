"""Policies: what statements allow, and what a role of a template may look like."""

from __future__ import annotations

from typing import Any

import pytest

from local.permissions.policies import Statement, allows, read_role, read_statements, role_of_function
from local.template.document import Resource, TemplateError
from tests.support.for_each import for_each

UPDATE = "eci:UpdateImageCache"
CACHE = "acs:eci:cn-hangzhou:1234:imagecache/imc-1"


def allow(action: str, *resources: str) -> Statement:
    return Statement("Allow", (action,), resources or ("*",))


def deny(action: str, *resources: str) -> Statement:
    return Statement("Deny", (action,), resources or ("*",))


@for_each(
    ("statements", "allowed"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([allow(UPDATE)], True, id="any-resource"),
        pytest.param([allow("*")], True, id="any-action"),
        pytest.param([allow("eci:*")], True, id="service"),
        pytest.param([allow("eci:Update*Cache")], True, id="star-inside"),
        pytest.param([allow("ECI:updateimagecache")], True, id="case-of-an-action"),
        pytest.param([allow("eci:UpdateImageCach")], False, id="prefix-only"),
        pytest.param([allow("eci:UpdateImageCaches")], False, id="longer"),
        pytest.param([allow("eci:UpdateImageCach?")], True, id="one-character"),
        pytest.param([allow("eci:UpdateImageCache?")], False, id="one-character-too-many"),
        pytest.param([allow("eci:UpdateImage.ache")], False, id="a-dot-is-a-dot"),
        pytest.param([allow("eci:DescribeImageCaches")], False, id="other-action"),
        pytest.param([allow(UPDATE, "acs:eci:*:1234:imagecache/*")], True, id="any-region"),
        pytest.param([allow(UPDATE, "acs:eci:cn-beijing:1234:imagecache/*")], False, id="other-region"),
        pytest.param([allow(UPDATE, "acs:eci:*:5678:imagecache/*")], False, id="other-account"),
        pytest.param([allow(UPDATE, CACHE)], True, id="one-resource"),
        pytest.param([allow(UPDATE, CACHE.upper())], False, id="case-of-a-resource"),
        pytest.param([allow(UPDATE, "acs:eci:*:1234:imagecache/imc-2", CACHE)], True, id="second-resource"),
        pytest.param([allow("*"), deny(UPDATE)], False, id="deny-wins"),
        pytest.param([deny("*"), allow(UPDATE)], False, id="deny-wins-when-first"),
        pytest.param([allow("*"), deny(UPDATE, "acs:eci:*:1234:imagecache/imc-2")], True, id="other-denied"),
        pytest.param([deny("eci:Describe*")], False, id="only-a-deny-of-another"),
    ],
)
def test_what_is_allowed(statements: list[Statement], allowed: bool) -> None:
    assert allows(statements, UPDATE, CACHE) is allowed


def test_a_text_alone_is_a_list_of_one() -> None:
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "a:B", "Resource": "*"}]}
    assert read_statements("P", document) == [Statement("Allow", ("a:B",), ("*",))]


STATEMENT: dict[str, Any] = {"Effect": "Allow", "Action": ["a:B"], "Resource": ["*"]}


@for_each(
    ("document", "message"),
    [
        pytest.param({"Statement": []}, "P.Version: the text '1' is expected, None", id="no-version"),
        pytest.param({"Version": 1, "Statement": []}, "P.Version", id="number-as-version"),
        pytest.param({"Version": "1"}, "P.Statement: is missing", id="no-statement"),
        pytest.param({"Version": "1", "Statement": ["x"]}, "P.Statement[0]: a mapping", id="text"),
        pytest.param(
            {"Version": "1", "Statement": [STATEMENT, {**STATEMENT, "Effect": "allow"}]},
            "P.Statement[1].Effect: Allow or Deny is expected, 'allow' found",
            id="effect",
        ),
        pytest.param(
            {"Version": "1", "Statement": [{**STATEMENT, "Action": []}]}, "Statement[0].Action", id="action"
        ),
        pytest.param(
            {"Version": "1", "Statement": [{**STATEMENT, "Resource": [1]}]}, "[0].Resource", id="resource"
        ),
        pytest.param(
            {"Version": "1", "Statement": [{**STATEMENT, "Condition": {}}]},
            "P.Statement[0].Condition: an element that is not supported",
            id="condition",
        ),
        pytest.param(
            {"Version": "1", "Statement": [{**STATEMENT, "NotAction": "a:C"}]},
            "P.Statement[0].NotAction: an element that is not supported",
            id="not-action",
        ),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_its_place(
    document: dict[str, Any], message: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        read_statements("P", document)
    assert message in str(raised.value)


def trust(**changes: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": ["fc.aliyuncs.com"]},
        **changes,
    }
    return {"Version": "1", "Statement": [statement]}


def role(**properties: Any) -> Resource:
    return Resource("R", "ALIYUN::RAM::Role", {"AssumeRolePolicyDocument": trust(), **properties})


def function(**properties: Any) -> Resource:
    return Resource("F", "ALIYUN::FC3::Function", properties)


def test_the_statements_of_all_policies_are_the_roles() -> None:
    policies = [
        {"PolicyDocument": {"Version": "1", "Statement": [{**STATEMENT, "Action": action}]}}
        for action in ("a:B", "a:C")
    ]
    read = role_of_function(function(Role="local:R.Arn"), [role(Policies=policies)])
    assert read is not None
    assert (read.logical_id, [one.actions for one in read.statements]) == ("R", [("a:B",), ("a:C",)])


def test_a_role_without_policies_allows_nothing() -> None:
    assert read_role(role()).statements == ()


def test_a_function_may_have_no_role() -> None:
    assert role_of_function(function(), [role()]) is None


@for_each(
    ("reference", "message"),
    [
        pytest.param("acs:ram::1234:role/other", "F.Properties.Role: the Arn of a role", id="literal"),
        pytest.param("local:Q.Arn", "F.Properties.Role: the Arn of a role", id="no-resource"),
        pytest.param("local:F.Arn", "F.Properties.Role: the Arn of a role", id="no-role"),
        pytest.param("local:R.RoleName", "F.Properties.Role: the Arn of a role", id="other-attribute"),
        pytest.param(7, "F.Properties.Role: str is expected, int found", id="number"),
    ],
)
def test_a_role_that_is_not_in_the_template_is_refused(reference: Any, message: str) -> None:
    used = function(Role=reference)
    with pytest.raises(TemplateError) as raised:
        role_of_function(used, [used, role()])
    assert message in str(raised.value)


@for_each(
    ("properties", "message"),
    [
        pytest.param({"AssumeRolePolicyDocument": {}}, "AssumeRolePolicyDocument.Version", id="no-trust"),
        pytest.param(
            {"AssumeRolePolicyDocument": trust(Principal={"Service": ["ecs.aliyuncs.com"]})},
            "no statement lets fc.aliyuncs.com take the role",
            id="another-service",
        ),
        pytest.param(
            {"AssumeRolePolicyDocument": trust(Principal={"RAM": ["acs:ram::1:root"]})},
            "no statement lets fc.aliyuncs.com take the role",
            id="an-account",
        ),
        pytest.param(
            {"AssumeRolePolicyDocument": trust(Effect="Deny")}, "no statement lets fc.aliyuncs.com", id="deny"
        ),
        pytest.param(
            {"AssumeRolePolicyDocument": trust(Action="sts:Other")}, "no statement lets", id="action"
        ),
        pytest.param(
            {"AssumeRolePolicyDocument": trust(Condition={})}, "Statement[0].Condition", id="condition"
        ),
        pytest.param({"PolicyAttachments": {"System": ["X"]}}, "PolicyAttachments: only", id="attachment"),
        pytest.param({"Policies": ["x"]}, "Policies[0]: a mapping is expected", id="policy"),
        pytest.param({"Policies": [{}]}, "Policies[0].PolicyDocument: is missing", id="no-document"),
    ],
)
def test_a_role_that_cannot_be_used_is_refused_with_its_place(
    properties: dict[str, Any], message: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        read_role(role(**properties))
    assert message in str(raised.value)

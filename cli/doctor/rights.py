"""The rights that a look at an account needs: those to read, and to send a probe to two functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

READS = (
    "cms:DescribeMetricLast",
    # The name of the same in older pages of CloudMonitor.
    "cms:QueryMetricLast",
    "cr:GetInstance",
    "eci:DescribeImageCaches",
    "eventbridge:ListRules",
    "eventbridge:QueryEvent",
    "eventbridge:QueryTracedEvents",
    "fc:GetAsyncInvokeConfig",
    "fc:GetAsyncTask",
    "fc:GetFunction",
    "fc:ListTriggers",
    "log:GetIndex",
    "log:GetLogStoreLogs",
    "mns:GetQueueAttributes",
    "ram:GetPolicy",
    "ram:GetRole",
    "ram:ListPoliciesForRole",
    "ros:GetStack",
    "ros:ListStackResourceDrifts",
    "ros:ListStackResources",
    "ros:ListStacks",
)
INVOKES = "fc:InvokeFunction"
PROBED = ("on-manual", "on-follow")


def policy(prefix: str = "imc-refresh") -> Mapping[str, Any]:
    """The policy of RAM for who runs the doctor.

    Args:
        prefix: the stack's parameter NamePrefix.
    """
    functions = [f"acs:fc:*:*:functions/{prefix}-{name}{end}" for name in PROBED for end in ("", "/*")]
    return {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": list(READS), "Resource": ["*"]},
            {"Effect": "Allow", "Action": [INVOKES], "Resource": functions},
        ],
    }

"""Whose account: the vendor's default chain of credentials, or a profile of its command line tool.

Found once and used for the whole run. Must not know what they are used for.
Importing this module costs nothing; only what is not in the environment is asked of the vendor's SDK.
"""

from __future__ import annotations

import logging
import os
import re

import click

from imagecache.base.credentials import Credentials, read_credentials
from imagecache.base.errors import CredentialsError

from ..problem import Problem

_REMEDY = (
    "Configure the vendor's command line tool (`aliyun configure`) or set ALIBABA_CLOUD_ACCESS_KEY_ID, "
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a temporary key, ALIBABA_CLOUD_SECURITY_TOKEN."
)
_NOT_TAKEN = re.compile(
    r"AccessKey|SecurityToken|ExpiredToken|SignatureDoesNotMatch|IncompleteSignature|SignatureNotMatch"
)

profile_option = click.option(
    "--profile",
    default="",
    metavar="NAME",
    help="Of the vendor's command line tool; else the default chain.",
)
"""The option that each command has which asks an account."""


def refused_key(service: str, code: str) -> tuple[str, str] | None:
    """What to say, and what mends it, where a service does not take the key; None where it is something else.

    Args:
        service: what a person calls it.
        code: that it answered.
    """
    if not _NOT_TAKEN.search(code):
        return None
    return (
        f"{service} does not take the credentials ({code})",
        "Log in again, or use another profile (`--profile`).",
    )


def find_credentials(profile: str, instead: str = "") -> Credentials:
    """The key of the account.

    Args:
        profile: of the vendor's command line tool; empty for the default chain.
        instead: what a person can do who has none, for this command.

    Raises:
        Problem: there is none, or it cannot be used.
    """
    if not profile and os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID"):
        try:
            # The chain's first place, read when it is asked and not when the SDK is imported.
            return read_credentials(os.environ, None)
        except CredentialsError:
            raise Problem("ALIBABA_CLOUD_ACCESS_KEY_SECRET is not set.", _REMEDY) from None
    try:
        from alibabacloud_credentials.exceptions import CredentialException  # noqa: PLC0415 - see below
        from alibabacloud_credentials.provider import (  # noqa: PLC0415 - an extra that may not be there
            CLIProfileCredentialsProvider,
            DefaultCredentialsProvider,
        )
    except ImportError as error:
        raise Problem(
            f"The vendor's SDKs are not installed: {error.name} is missing.",
            "Install them with this command: pip install 'imc-refresh[account]' (in a checkout: make env).",
        ) from None
    # It logs what failed with a trace, before another place of the chain is asked.
    logging.getLogger("credentials").setLevel(logging.CRITICAL + 1)
    provider = (
        CLIProfileCredentialsProvider(profile_name=profile) if profile else DefaultCredentialsProvider()
    )
    where = f"in the profile {profile!r} of the vendor's command line tool" if profile else "on this machine"
    try:
        found = provider.get_credentials()
        return Credentials(
            found.get_access_key_id() or "",
            found.get_access_key_secret() or "",
            found.get_security_token() or "",
        )
    except (CredentialException, ValueError, TypeError, AttributeError, OSError) as error:
        # What a provider says may hold parts of a file of keys.
        kind = type(error).__name__
        remedy = f"{_REMEDY} {instead}".rstrip()
        raise Problem(f"No credentials of Alibaba Cloud were found {where} ({kind}).", remedy) from None

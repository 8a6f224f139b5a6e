"""Which addresses may be called, and how they may be written: one rule for every endpoint, that of the journal's store included.

Regions and projects are parts of addresses too: a region becomes part of a host's name, a project part of a path.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

_ENDPOINT = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")
_USERINFO = re.compile(r"//\S*@")
_PASSWORD_IN_PATH = re.compile(r"[^/?#]*:[^/?#]*@")
_SECRET = re.compile(r"pass|pwd|secret|token|credential|signature|(access|api|private)[_-]?key|^(ak|sk|key|sig|auth|user|username|login)$")
_REGION = re.compile(r"(?=.{1,63}$)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
NO_TLS = "only this machine may be called without TLS"


def check_endpoint(raw: str) -> str:
    """The address of a service, without a slash at its end. Raises: ValueError, with what to write instead."""
    found = _ENDPOINT.fullmatch(raw)
    if not found:
        raise ValueError("Write an address such as https://dcs.cn-north-4.myhuaweicloud.com, without path or user")
    if found[1] != "https" and not is_loopback(raw):
        raise ValueError(f"Write https:// before it: {NO_TLS}")
    return raw.rstrip("/")


def check_region(raw: str) -> str:
    """The name of a region. Hosts are named by it, so that nothing in it may lead to another. Raises: ValueError, with what to write."""
    if not _REGION.fullmatch(raw):
        raise ValueError("Write small letters, digits and single hyphens, such as cn-north-4")
    return raw


def check_project(raw: str) -> str:
    """The id of a project, of which paths are made. Raises: ValueError, with what to write instead."""
    if not _PROJECT.fullmatch(raw):
        raise ValueError("Write the project ID as the console's page My Credentials has it, such as 0123456789abcdef0123456789abcdef")
    return raw


def is_loopback(endpoint: str) -> bool:
    """Whether the address is on this machine, which needs no TLS."""
    found = _ENDPOINT.fullmatch(endpoint)
    if not found:
        return False
    host = found[2].strip("[]").lower()
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_store(raw: str) -> str:
    """The address of a journal's store: no user, no password, no other secret in it, and its endpoint as every endpoint.

    The rest is for the store of that name to check. Raises: ValueError, with what to write instead.
    """
    scheme, colon, rest = raw.partition(":")
    if not colon or not re.fullmatch(r"[a-z]+", scheme):
        raise ValueError("Write obs://bucket/prefix?region=<region>, dynamodb://table?region=<region>, sqlite:///path or memory:")
    place, _, query = rest.partition("?")
    options = [option.partition("=")[::2] for option in re.split("[&;]", query)]
    told = _decoded(place)
    is_file = scheme == "sqlite" and told.startswith("///")  # a path may hold an @
    if _PASSWORD_IN_PATH.search(told) or ("@" in told and not is_file) or any(_SECRET.search(_decoded(key).lower()) for key, _ in options):
        raise ValueError("Write it without user, password or key; those of GeminiDB go into GEMINIDB_USER and GEMINIDB_PASSWORD")
    for key, value in options:
        if _decoded(key).lower() == "endpoint":
            try:
                check_endpoint(_decoded(value))
            except ValueError as err:
                raise ValueError(f"Correct its endpoint. {err}") from None
        elif "@" in _decoded(value):
            raise ValueError("Write it without user, password or key")
    return raw


def hide_userinfo(text: str) -> str:
    """The text without what stands for user and password in an address, for messages."""
    return _USERINFO.sub("//***@", text)


def _decoded(text: str) -> str:
    """Percent signs resolved, as whoever takes the address apart will."""
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)

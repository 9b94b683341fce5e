"""Checks that fail with a sentence: a double ends at the first thing that layr8's SDKs or documents do not have."""

import json
import re


class Violation(Exception):
    """The other side sent something that this side must not accept."""


def require(condition, problem):
    if not condition:
        raise Violation(problem)


def _object(pairs):
    names = [name for name, _ in pairs]
    require(len(names) == len(set(names)), f"an object has a member twice: {names}")
    return dict(pairs)


def _constant(name):
    raise Violation(f"{name} is not JSON")


def read_json(text):
    """Parses JSON. Repeated members and NaN, which Python's parser accepts, are violations."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except ValueError as error:
        raise Violation(f"not JSON: {error}: {text[:200]!r}") from error


def is_text(value):
    return isinstance(value, str) and value != ""


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def check_members(value, where, required, optional=()):
    """An object with these members, each of which passes its check, and no others."""
    require(isinstance(value, dict), f"{where} is not an object: {value!r}")
    optional = dict(optional)
    for name, check in required.items():
        require(name in value, f"{where}.{name} is missing")
        require(check(value[name]), f"{where}.{name} is wrong: {value[name]!r}")
    for name, member in value.items():
        if name in required:
            continue
        require(name in optional, f"{where}.{name} is unknown: {member!r}")
        require(optional[name](member), f"{where}.{name} is wrong: {member!r}")


def list_of(check):
    return lambda value: isinstance(value, list) and all(check(entry) for entry in value)


def one_of(*values):
    return lambda value: value in values


def is_object(value):
    return isinstance(value, dict)


def is_boolean(value):
    return isinstance(value, bool)


DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


def is_time(value):
    """As `lastmod_time` of an attachment: seconds, or a date in the form of RFC 3339."""
    return is_integer(value) or (isinstance(value, str) and DATE.match(value) is not None)


def is_did(value):
    return isinstance(value, str) and re.match(r"^did:[a-z0-9]+:[\w.%:-]+$", value) is not None

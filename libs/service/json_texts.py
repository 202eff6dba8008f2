"""JSON that every reader reads the same way, or a refusal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from libs.service.problems import Problem

MAX_DEPTH = 50
MAX_ITEMS = 50_000
INT64 = 1 << 63
MAX_DIGITS = 400

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = re.compile(rb"[^\[\]{}]+")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89abAB]")


def check_json(body: bytes) -> Any:
    """The value of a JSON text; raises Problem for anything that two parsers might read differently or choke on.

    Refused: over 50 levels, over 50,000 commas, NaN and infinities, integers over 64 bits, duplicate keys, NUL and lone
    surrogates.
    """
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise _malformed(f"the body is nested over {MAX_DEPTH} levels deep")
    if body.count(b",") > MAX_ITEMS and _STRINGS.sub(b"", body).count(b",") > MAX_ITEMS:
        raise Problem("TOO_LARGE", f"the body has over {MAX_ITEMS} members")
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise _malformed("the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"the body is not valid JSON: {error.msg} at character {error.pos}") from error
    if b"\\u0000" in body or _ESCAPED_SURROGATE.search(body):
        _check_texts(value)
    return value


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for byte in _NOT_BRACKETS.sub(b"", _STRINGS.sub(b"", body)):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _check_texts(value: Any) -> None:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                if "\x00" in text:
                    raise _malformed("text must not contain NUL characters")
                if any("\ud800" <= character <= "\udfff" for character in text):
                    raise _malformed("text must not contain lone surrogates")
            case dict(members):
                waiting += [*members, *members.values()]
            case list(items):
                waiting += items
            case _:
                pass


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("the body has an object with a key that stands in it twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or len(text) > MAX_DIGITS:
        raise _malformed("the body has a number that is too large")
    return number


def _integer(text: str) -> int:
    number = int(text) if len(text) <= 20 else INT64
    if not -INT64 <= number < INT64:
        raise _malformed("the body has an integer of more than 64 bits")
    return number


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON")


def _malformed(detail: str) -> Problem:
    return Problem("MALFORMED", detail)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
)

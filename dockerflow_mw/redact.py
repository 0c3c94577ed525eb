"""Masks credentials in text that leaves the process in a response or a log."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_plus

MASK = "***"


def _pattern(text: str, flags: int = 0) -> Callable[[], re.Pattern[str]]:
    # Compiled at first use: that takes longer than the import of any module of ours,
    # and most patterns are only for what few processes ever have to mask.
    return functools.cache(functools.partial(re.compile, text, flags))


# scheme://user:password@host; the password may hold an "@", a ":" or even a "/". Every
# repetition in front of what is masked is bounded, so that no text is slow to mask.
_URL_CREDENTIALS = _pattern(
    r"""(?P<scheme>[a-z][a-z0-9+.-]{0,31}://)
        (?:[^\s/?#]*|[^\s/?#@:]{1,256}:[^\s@]{1,1024})@""",
    re.I | re.X,
)

# Words that are secrets wherever they end a name, and words that begin one as well.
_SECRET_WORDS = (
    r"(?:(?:password|passwd|passphrase|secret|(?:api|access|private|account)[_-]?key"
    r"|(?:access|api|auth|bearer|csrf|id|refresh|session)[_-]?token|credentials?)|(?<![a-z])(?:pass|pwd|pw|token|auth|signature|sig"
    r"|jwt|session[_-]?id))(?![a-z])"
)

_SECRET_KEY = _pattern(_SECRET_WORDS, re.I)

# The scheme may be any, and what follows it as well.
_AUTHORIZATION = _pattern(
    r"""(?P<key>authorization\\?["']?\s{0,8}[=:]\s{0,8})[^\r\n]+""", re.I
)

# key=value and key: value, quoted or not, as in DSNs, query strings, JSON and reprs; a
# quote that is not closed goes to the end.
_SECRET_PAIRS = _pattern(
    rf"""(?P<key>{_SECRET_WORDS}(?:[_-]\w{{0,32}})?\\?["'\]]?\s{{0,8}}[=:]>?\s{{0,8}})
         (?:\w{{0,12}}\(?(?:\\?"(?:[^"\\]|\\[^"])*(?:\\?"|\Z)|'[^']*(?:'|\Z))
          |[^\s&;,'")\]}}]+)+""",
    re.I | re.X,
)


def redact(text: str) -> str:
    """Mask the userinfo of URLs and the values of ``password=``-like pairs."""
    masked = rf"\g<key>{MASK}"
    text = _AUTHORIZATION().sub(masked, redact_urls(text))
    return _SECRET_PAIRS().sub(masked, text)


def redact_urls(text: str) -> str:
    """Mask the userinfo of URLs."""
    return _URL_CREDENTIALS().sub(rf"\g<scheme>{MASK}@", text)


def redact_query(query: str) -> str:
    """Give a query string for people, with the values of secret parameters masked."""
    return "&".join(map(_parameter, query.split("&")))


# What parameters are named whose values are secrets: as one of the words of a name,
# at the end of the words joined, and as the whole name, which for these is "sort_key"
# or "country_code" otherwise.
_NAME_WORDS = _pattern(
    """auth|authorization|bearer|credentials?|csrf|hmac|jwt|otp|pass|passcode|passphrase
       |passwd|password|pw|pwd|secret|sid|sig|signature|token|totp|xsrf""",
    re.X,
)
_NAME_ENDINGS = _pattern(
    r"""passw(?:or)?d | (?:passphrase|secret|token|sess(?:ion)?id|(?:db|my|user)pass
         |(?:access|account|api|consumer|encryption|master|private|shared|signing
         |subscription)key)$""",
    re.X,
)
_NAMES = frozenset(("assertion", "code", "key", "pin", "samlresponse", "ticket"))

_WORDS = _pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SEPARATORS = _pattern(r"([;?#])")
_BEARER = _pattern(r"(?P<key>\bbearer\s{1,8})[^\s&;,]{8,}", re.I)

# How often a value may have been encoded to be looked into.
_DEPTH = 4


def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _WORDS().findall(name)]
    joined = "".join(words)
    return (
        joined in _NAMES
        or any(map(_NAME_WORDS().fullmatch, words))
        or _NAME_ENDINGS().search(joined) is not None
        or _SECRET_KEY().search(name) is not None
    )


def _parameter(part: str) -> str:
    part = _masked(part)
    # An address or a query may be the value of another one's parameter.
    text = _decoded(part)
    masked = redact("&".join(map(_masked, text.split("&"))))
    masked = _BEARER().sub(rf"\g<key>{MASK}", masked)
    return unquote(part) if masked == text else masked


def _masked(part: str) -> str:
    # Whether a sign ends a value or belongs to it is a matter of who reads it; so a
    # secret goes to the end.
    pieces = _SEPARATORS().split(part)
    for number, piece in enumerate(pieces):
        names = piece.split("=")
        for count, name in enumerate(names[:-1], 1):
            if _is_secret(_decoded(unquote_plus(name))):
                return "".join([*pieces[:number], "=".join([*names[:count], MASK])])
    return part


def _decoded(text: str) -> str:
    for _ in range(_DEPTH):
        text, before = unquote(text), text
        if text == before:
            break
    return text

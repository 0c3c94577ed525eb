"""Masks credentials in text that leaves the process in a response body."""

from __future__ import annotations

import re

MASK = "***"

# scheme://user:password@host; the password may itself hold an "@" or a ":".
_URL_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,31}://)[^\s/?#]*@", re.I)

_SECRET_WORDS = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key"
    r"|credentials?|auth(?:orization)?|signature"
)

# key=value and key: value, quoted or not, as in DSNs, query strings and JSON;
# every repetition before the value is bounded, so that no text is slow to mask.
_SECRET_PAIRS = re.compile(
    rf"""(?P<key>(?:{_SECRET_WORDS})[\w-]{{0,32}}["']?\s{{0,8}}[=:]\s{{0,8}})
         (?:(?:bearer|basic)\s+)?
         (?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s&;,'")\]}}]+)""",
    re.I | re.X,
)


def redact(text: str) -> str:
    """Mask the userinfo of URLs and the values of ``password=``-like pairs."""
    text = _URL_CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)
    return _SECRET_PAIRS.sub(rf"\g<key>{MASK}", text)

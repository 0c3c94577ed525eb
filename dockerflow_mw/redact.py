"""Masks credentials in text that leaves the process in a response or a log."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

MASK = "***"

# scheme://user:password@host; the password may hold an "@", a ":" or even a "/". Every
# repetition in front of what is masked is bounded, so that no text is slow to mask.
_URL_CREDENTIALS = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]{0,31}://)
        (?:[^\s/?#]*|[^\s/?#@:]{1,256}:[^\s@]{1,1024})@""",
    re.I | re.X,
)

# Words that are secrets wherever they end a name, and words that begin one as well.
_SECRET_WORDS = (
    r"(?:(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|account[_-]?key|credentials?)|(?<![a-z])(?:pass|pwd|pw|token|auth|signature|sig"
    r"|jwt|session[_-]?id))(?![a-z])"
)

_SECRET_KEY = re.compile(_SECRET_WORDS, re.I)

# The scheme may be any, and what follows it as well.
_AUTHORIZATION = re.compile(
    r"""(?P<key>authorization\\?["']?\s{0,8}[=:]\s{0,8})[^\r\n]+""", re.I
)

# key=value and key: value, quoted or not, as in DSNs, query strings, JSON and reprs; a
# quote that is not closed goes to the end.
_SECRET_PAIRS = re.compile(
    rf"""(?P<key>{_SECRET_WORDS}(?:[_-]\w{{0,32}})?\\?["'\]]?\s{{0,8}}[=:]>?\s{{0,8}})
         (?:\w{{0,12}}\(?(?:\\?"(?:[^"\\]|\\[^"])*(?:\\?"|\Z)|'[^']*(?:'|\Z))
          |[^\s&;,'")\]}}]+)+""",
    re.I | re.X,
)


def redact(text: str) -> str:
    """Mask the userinfo of URLs and the values of ``password=``-like pairs."""
    masked = rf"\g<key>{MASK}"
    text = _AUTHORIZATION.sub(masked, redact_urls(text))
    return _SECRET_PAIRS.sub(masked, text)


def redact_urls(text: str) -> str:
    """Mask the userinfo of URLs."""
    return _URL_CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)


def redact_query(query: str) -> str:
    """Give a query string for people, with the values of secret parameters masked."""
    return "&".join(_parameter(part) for part in query.split("&"))


def _parameter(part: str) -> str:
    name, equals, value = part.partition("=")
    if equals and _SECRET_KEY.search(unquote_plus(name)):
        return f"{unquote(name)}={MASK}"
    return redact_urls(unquote(part)) if value else unquote(part)

"""Masking of credentials in text that leaves the process in a response or a log.

Every repetition in a pattern is bounded or anchored. Without that, masking a long text
would take quadratic time.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"

# scheme://user:password@host. The password may hold "@", ":" and even "/".
_URL_CREDENTIALS = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]{0,31}://)
        (?:[^\s/?#]*|[^\s/?#@:]{1,256}:[^\s@]{1,1024})@""",
    re.I | re.X,
)

# The first words may follow other letters in a name ("dbpassword"), the others not.
_SECRET_WORDS = r"""(?:
    (?:password|passwd|passphrase|secret|credentials?
      |(?:api|access|private|account)[_-]?key
      |(?:access|api|auth|bearer|csrf|id|refresh|session)[_-]?token)
    |(?<![a-z])(?:pass|pwd|pw|token|auth|signature|sig|jwt|session[_-]?id)
    )(?![a-z])"""

# Any scheme may follow, so the whole line is secret.
_AUTHORIZATION = re.compile(
    r"""(?P<key>authorization\\?["']?\s{0,8}[=:]\s{0,8})[^\r\n]+""", re.I
)

# key=value and key: value in DSNs, query strings, JSON and reprs. An open quote ends
# with the text.
_SECRET_PAIRS = re.compile(
    rf"""(?P<key>{_SECRET_WORDS}(?:[_-]\w{{0,32}})?\\?["'\]]?\s{{0,8}}[=:]>?\s{{0,8}})
         (?:\w{{0,12}}\(?(?:\\?"(?:[^"\\]|\\[^"])*(?:\\?"|\Z)|'[^']*(?:'|\Z))
          |[^\s&;,'")\]}}]+)+""",
    re.I | re.X,
)

# The names of secret parameters in snake case. The last words are secret as a whole
# name alone: "sort_key" and "country_code" are harmless.
_SECRET_NAME = re.compile(
    rf"""{_SECRET_WORDS}
    |(?:token|sess(?:ion)?[^a-z]?id|(?:db|my|user)pass
       |(?:consumer|encryption|master|shared|signing|subscription)[^a-z]?key)(?![a-z])
    |(?<![a-z])(?:authorization|bearer|csrf|hmac|otp|passcode|sid|totp|xsrf)(?![a-z])
    |^(?:assertion|code|key|pin|samlresponse|ticket)$""",
    re.X,
)
_CAMEL_CASE = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_PARAMETER = re.compile("(?<![^&;?#])(?P<name>[^=&;?#]+)=[^&;?#]*")
_BEARER = re.compile(r"(?P<key>\bbearer\s{1,8})[^\s&;,]{8,}", re.I)


def redact(text: str) -> str:
    """Return a text with the credentials of URLs and of ``password=`` pairs masked."""
    text = _AUTHORIZATION.sub(rf"\g<key>{MASK}", redact_urls(text))
    return _SECRET_PAIRS.sub(rf"\g<key>{MASK}", text)


def redact_urls(text: str) -> str:
    """Return a text with the credentials of URLs masked."""
    return _URL_CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)


def redact_query(query: str) -> str:
    """Return a query string, decoded once, with the values of secret parameters masked.

    A parameter is secret if its name is a secret word. Other values may hold URLs and
    further parameters, where credentials are masked as well.
    """
    return "&".join(map(_redact_parameter, query.split("&")))


def _redact_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    # If the value was decoded first, an encoded "&" in a secret would end the secret.
    if equals and _is_secret(unquote(name)):
        return f"{unquote(name)}={MASK}"
    text = redact(_PARAMETER.sub(_redact_nested, unquote(parameter)))
    return _BEARER.sub(rf"\g<key>{MASK}", text)


def _redact_nested(found: re.Match[str]) -> str:
    return f"{found['name']}={MASK}" if _is_secret(found["name"]) else found[0]


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(_CAMEL_CASE.sub("_", name).lower()) is not None

"""Passwords: which are taken, and how they are kept (Argon2id, RFC 9106)."""

from __future__ import annotations

import base64
import secrets
import unicodedata
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from .errors import WeakPassword

MAX_CHARACTERS = 256  # long enough for any phrase, short enough that hashing costs the same
MIN_DISTINCT = 6
LANES = 4  # RFC 9106, section 4, second recommended option: t=3, p=4, m=64 MiB


class Passwords:
    """Hashes and compares; one comparison costs the same whether the account exists or not.

    Args:
        memory_kib: memory of one hash in KiB; at least 19456 is asked for by the settings (OWASP's minimum).
        passes: passes over it.
    """

    def __init__(self, memory_kib: int, passes: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=LANES)
        salt, digest = (_b64(secrets.token_bytes(n)) for n in (self._hasher.salt_len, self._hasher.hash_len))
        # of no password; to find that out takes as long as for anybody's, and to make it takes no time at the start
        self._nobody = f"$argon2id$v={ARGON2_VERSION}$m={memory_kib},t={passes},p={LANES}${salt}${digest}"

    def hashed(self, password: str) -> str:
        """The hash to keep, with its salt and parameters in it."""
        return self._hasher.hash(_normal(password))

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed; with nothing kept, as slow and always no."""
        try:
            right = self._hasher.verify(kept or self._nobody, _normal(password[: 4 * MAX_CHARACTERS]))
        except (VerificationError, InvalidHashError):
            return False
        return right and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii").rstrip("=")


def checked(password: str, name: str, minimum: int) -> str:
    """The password, if it may be used.

    Length counts, not kinds of signs (NIST SP 800-63B-4, section 3.1.1.2: at least 15 where the password
    stands alone, no rules of composition). Plain ones are refused by rule, not by a list: few different
    signs, a row such as ``123456...``, or the account's or the product's own name.

    Raises:
        WeakPassword: it may not; it is not quoted.
    """
    text = _normal(password)
    if not minimum <= len(text) <= MAX_CHARACTERS:
        raise _weak(f"{len(text)} characters", f"{minimum} to {MAX_CHARACTERS} characters")
    if _plain(text.lower(), name.lower()):
        raise _weak("one that is guessed first", "no row, no repetition, no name of the account or product in it")
    return password


def _plain(text: str, name: str) -> bool:
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    in_a_row = len(steps - {-9, 9}) <= 1  # 9 is followed by 0
    repeated = text in (text + text)[1:-1]
    own = "radlogic" in text or (len(name) > 3 and name in text)
    return own or in_a_row or repeated or len(set(text)) < MIN_DISTINCT


def _normal(password: str) -> str:
    """One form for what keyboards write in several (NIST SP 800-63B-4, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _weak(found: str, allowed: str) -> WeakPassword:
    return WeakPassword("account", "password", found, allowed, "Take several words that nobody would put together.")

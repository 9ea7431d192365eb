"""Names of cards: a UUID that says what the card was about, so that feedback needs no list of cards that were shown.

UUIDv8 (RFC 9562, section 5.8; 122 bits are free). The first 60 are the card's topic, the next 22 tell calls apart, and
the last 40 are a seal over both, keyed by a secret of the store (``card_key``):

    0 | sequence of the decision in the store (36 bits) | hash of what is said of it (23 bits) | call | seal
    1 | hash of patient and what is said (59 bits)                                              | call | seal

A retry of one call gives the same cards the same names. No name tells who the patient is: the store holds the
pseudonym behind a decision's number, and a hash of 59 bits can only be tried by who knows the patient already. Who
was never shown a card cannot make up its name: of 2^40 seals one fits, and only calls of the service can try them.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

_OF_PATIENT = 1 << 59
_SEQUENCES, _WORDS = 1 << 36, 1 << 23
_CALLS, _SEAL = 1 << 22, 40


def topic_of(sequence: int, key: str, words: str) -> int:
    """60 bits for what a card says: of the decision with that entry, or where it is 0 of the patient with that key.

    Args:
        sequence: the decision's entry in the store, 0 where the card rests on none.
        key: the patient's pseudonym.
        words: what is said, the same from call to call: "follow-up lung-rads".
    """
    if 0 < sequence < _SEQUENCES:
        return sequence << 23 | _hash(words) % _WORDS
    return _OF_PATIENT | _hash(key, words) % _OF_PATIENT


def card_name(topic: int, call: str, key: bytes) -> UUID:
    """The card's UUID in one call, which ``call`` names (its hook instance), sealed with the store's key."""
    named = topic >> 12 << 80 | 8 << 76 | (topic & 0xFFF) << 64 | 2 << 62 | _hash(call, str(topic)) % _CALLS << _SEAL
    return UUID(int=named | _seal(named, key))


def suggestion_name(card: UUID, number: int) -> UUID:
    """The UUID of a card's suggestion."""
    return UUID(int=card.int >> 62 << 62 | _hash(card.hex, str(number)) % (1 << 62))


def topic_in(card: UUID, key: bytes) -> int | None:
    """The topic of a card of ours; None where the name was not given by who has this key."""
    ours = card.version == 8 and _seal(card.int, key) == card.int % (1 << _SEAL)
    return (card.int >> 80) << 12 | (card.int >> 64) & 0xFFF if ours else None


def sequence_in(topic: int) -> int | None:
    """The entry of the decision that a topic is about; None where it is about a patient."""
    return None if topic & _OF_PATIENT else topic >> 23


def _seal(name: int, key: bytes) -> int:
    """Over all of the name but the seal itself (HMAC-SHA-256, RFC 2104, cut to 40 bits)."""
    return int.from_bytes(hmac.digest(key, (name >> _SEAL).to_bytes(11), "sha256")[: _SEAL // 8])


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).digest()[:8])

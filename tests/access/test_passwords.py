"""Which passwords are taken, and how they are kept."""

import pytest
from access_world import PASSWORDS, PHRASE, PHRASE_HASH
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.access.errors import WeakPassword
from radlogic.adapters.access.passwords import Passwords, checked
from radlogic.adapters.access.settings import AccessSettings


def test_the_hash_is_argon2id_with_the_parameters_of_the_settings():
    defaults = AccessSettings()
    kept = Passwords(defaults.argon2_memory_kib, defaults.argon2_passes).hashed(PHRASE)

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PHRASE not in kept


def test_the_same_password_is_kept_differently_each_time():
    assert PASSWORDS.hashed(PHRASE) != PASSWORDS.hashed(PHRASE)


def test_only_the_right_password_fits():
    assert PASSWORDS.fits(PHRASE_HASH, PHRASE)
    assert not any(PASSWORDS.fits(PHRASE_HASH, p) for p in ("", PHRASE.upper(), PHRASE + " ", PHRASE[:-1]))


@pytest.mark.parametrize("kept", [None, "", "x", "$argon2id$v=19$m=32,t=1,p=4$AAAA$AAAA"])
def test_nothing_fits_what_is_no_hash(kept):
    assert not PASSWORDS.fits(kept, PHRASE)


@given(st.text(max_size=300))
@settings(max_examples=30, deadline=None)
def test_any_text_can_be_tried(typed):
    assert PASSWORDS.fits(PHRASE_HASH, typed) == (typed == PHRASE)


def test_one_password_typed_on_two_keyboards_is_one():
    composed, apart = "Fjällräven kånken", "Fja\u0308llra\u0308ven ka\u030anken"

    assert PASSWORDS.fits(PASSWORDS.hashed(composed), apart)


def test_a_hash_of_other_parameters_is_outdated():
    assert not PASSWORDS.outdated(PHRASE_HASH)
    assert Passwords(64, 1).outdated(PHRASE_HASH)


@pytest.mark.parametrize(
    "password", [PHRASE, "x7#Kq!mWz2@pLd9", "große Würste im Schlafrock", "二十個字以上的密碼沒有人會猜得到的喔喔"]
)
def test_what_nobody_guesses_is_taken_whatever_its_signs(password):
    assert checked(password, "reader", 15) == password


WEAK = [
    "", "short", "x7#Kq!mWz2@pLd", "a" * 20, "abababababababab", "123456789012345", "abcdefghijklmnopq",
    "987654321098765", "passwordpassword", "abcabcabcabcabcabc", "My reader account 7", "radlogic-radiology-1",
    "x7#K" * 100,
]  # fmt: skip


@pytest.mark.parametrize("password", WEAK)
def test_what_is_guessed_first_is_refused_and_not_quoted(password):
    with pytest.raises(WeakPassword) as refusal:
        checked(password, "reader", 15)

    assert not password or password not in str(refusal.value)

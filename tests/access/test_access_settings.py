"""What may be set, and what would open a hole."""

import re
from pathlib import Path

import pytest
from access_world import BASE

from radlogic.adapters.access.errors import BadAccessSetting
from radlogic.adapters.access.settings import OidcProvider, SmartServer, settings_from

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
OIDC = {"issuer": "https://idp.test", "client_id": "r", "roles": {"g": "reader"}}


@pytest.mark.parametrize(
    "url", [BASE, "https://10.0.0.7:8443", "http://127.0.0.1:8765", "http://localhost", "http://[::1]:1"]
)
def test_https_and_loopback_are_taken(url):
    assert settings_from({"base_url": url}).secure == url.startswith("https")


WRONG = {
    "plain http to another machine": {"base_url": "http://radlogic.test"},
    "a name that only looks like loopback": {"base_url": "http://127.0.0.1.evil.test"},
    "a path": {"base_url": f"{BASE}/review"},
    "a password in the address": {"base_url": "https://u:p@radlogic.test"},
    "no scheme": {"base_url": "radlogic.test"},
    "another scheme": {"base_url": "ftp://radlogic.test"},
    "a home on another site": {"home": "//evil.test"},
    "no guard at all": {"machine_paths": ["/"]},
    "no guard by an empty path": {"machine_paths": [""]},
    "no idle limit": {"idle_s": 10**9},
    "a session for ever": {"absolute_s": 10**9},
    "weak hashing": {"argon2_memory_kib": 1024},
    "one pass": {"argon2_passes": 1},
    "short passwords": {"password_min": 8},
    "a slip of the pen": {"idle_seconds": 60},
    "a provider over plain http": {"oidc": {**OIDC, "issuer": "http://idp.test"}},
    "a provider without roles": {"oidc": {**OIDC, "roles": {}}},
    "a role that does not exist": {"oidc": {**OIDC, "roles": {"g": "root"}}},
    "a label that imitates an account": {"oidc": {**OIDC, "label": "a@b"}},
    "an EHR over plain http": {"smart": [{"iss": "http://ehr.test/fhir", "client_id": "r"}]},
    "an EHR with a query": {"smart": [{"iss": "https://ehr.test/fhir?x=1", "client_id": "r"}]},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_open_a_hole_is_refused_by_its_field(name):
    with pytest.raises(BadAccessSetting) as refusal:
        settings_from(WRONG[name])

    assert refusal.value.field.split(".")[0] == next(iter(WRONG[name]))


def test_a_secret_is_neither_printed_nor_quoted_in_a_refusal():
    secret = "s3cret-of-the-client"  # noqa: S105 - a test's
    settings = settings_from({"oidc": {**OIDC, "client_secret": secret}})
    with pytest.raises(BadAccessSetting) as refusal:
        settings_from({"oidc": {**OIDC, "client_secret": [secret]}})

    assert secret not in repr(settings) + str(settings) + str(refusal.value) + str(settings.model_dump())


@pytest.mark.parametrize(("heading", "model"), [("OpenID", OidcProvider), ("SMART", SmartServer)])
def test_the_page_lists_every_setting_of_what_is_an_object(heading, model):
    section = re.search(rf"^## [^\n]*{heading}[^\n]*\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)[1]

    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == set(model.model_fields)

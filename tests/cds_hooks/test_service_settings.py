"""What a site sets for the service: where it may say it, which place comes first, how a mistake is answered."""

import re
from pathlib import Path

import pytest
import shared_data

from radlogic.adapters.cds_hooks.trust.errors import BadTrustSetting
from radlogic.adapters.serving import check_reach, serve
from radlogic.adapters.site_settings import SiteSettings, settings_of
from radlogic.engine.errors import BadValue, NotReadable

CLIENT = '[{"name": "ehr", "iss": "https://ehr.example", "keys": [{"jku": "https://ehr.example/keys"}]}]'


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    import os

    for name in [name for name in os.environ if name.upper().startswith("RADLOGIC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def site(tmp_path):
    def written(text):
        file = tmp_path / "site.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def test_by_default_clients_are_verified_and_nobody_is_trusted():
    made = settings_of()

    assert (made.host, made.trust.verify, made.trust.clients) == ("127.0.0.1", True, ())


def test_the_command_line_comes_before_the_environment_and_that_before_the_file(site, monkeypatch):
    file = site("port: 1001\nshutdown_s: 21\ntrust: {leeway_s: 11, replays: 101}\nlogs: json")
    monkeypatch.setenv("RADLOGIC_PORT", "1002")
    monkeypatch.setenv("RADLOGIC_TRUST__LEEWAY_S", "12")
    made = settings_of(file, port=1003, host=None)

    assert (made.port, made.trust.leeway_s, made.trust.replays, made.shutdown_s) == (1003, 12, 101, 21)
    assert (made.logs, made.host) == ("json", "127.0.0.1")


def test_lists_come_from_the_environment_as_json(monkeypatch):
    monkeypatch.setenv("RADLOGIC_TRUST__CLIENTS", CLIENT)

    assert [client.name for client in settings_of().trust.clients] == ["ehr"]


def test_addresses_follow_from_one_another_unless_they_are_set(site):
    file = site("access: {base_url: 'https://r.example', smart: [{iss: 'https://e.example', client_id: c}]}")
    made = settings_of(file, trust={"base_url": "https://cds.example/api"})

    assert (made.cds.review_url, made.cds.launch_url) == ("https://r.example", "https://r.example/launch")
    assert made.trust.base_url == "https://cds.example/api"
    assert settings_of(port=9000).trust.base_url == "http://127.0.0.1:9000"
    assert settings_of(host="::1").access.base_url == "http://[::1]:8765"
    assert settings_of(file, cds={"review_url": "https://other.example"}).cds.review_url == "https://other.example"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RADLOGIC_TRSUT__VERIFY", "false", "RADLOGIC_TRSUT__VERIFY: found no setting"),
        ("RADLOGIC_TRUST__VERFIY", "false", r"trust\.verfiy"),
        ("RADLOGIC_PORT", "many", "port"),
        ("RADLOGIC_TRUST__CLIENTS", "[s3cret", "trust: found no JSON"),
        ("RADLOGIC_TRUST__CLIENTS", '[{"name": "s3cret!"}]', r"trust\.clients\.0\.name"),
        ("RADLOGIC_ACCESS__BASE_URL", "http://s3cret.example", r"access\.base_url"),
    ],
)
def test_a_variable_that_is_wrong_is_named_and_its_value_is_not(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    with pytest.raises(BadValue, match=said) as refusal:
        settings_of()

    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("text", ["[]", "elsewhere: 1", "trust: 3"])
def test_a_file_that_is_none_of_settings_is_refused(site, text):
    with pytest.raises(BadValue):
        settings_of(site(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotReadable, match=r"site\.yaml"):
        settings_of(tmp_path / "site.yaml")


def test_verification_is_off_on_loopback_only(tmp_path):
    pages = {"base_url": "https://r.example"}
    made = settings_of(host="0.0.0.0", store=str(tmp_path), access=pages, trust={"verify": False})  # noqa: S104

    with pytest.raises(BadTrustSetting, match="off on loopback"):
        serve(made)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::"])  # noqa: S104
def test_pages_that_others_reach_need_tls(host):
    with pytest.raises(BadValue, match="TLS proxy"):
        check_reach(settings_of(host=host, access={"base_url": "http://127.0.0.1:1"}))

    check_reach(settings_of(host=host, access={"base_url": "https://r.example"}))


def test_every_setting_stands_in_the_table_with_its_default():
    page = Path(shared_data.ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \|", page, re.MULTILINE))
    expected = dict(_variables("RADLOGIC", SiteSettings))

    assert set(rows) == set(expected) | {"RADLOGIC_SETTINGS", "RADLOGIC_CALIBRATION", "RADLOGIC_ARCHIVE"}
    assert {name: rows[name] for name, default in expected.items() if default is not None} == {
        name: default for name, default in expected.items() if default is not None
    }


def _variables(path, model):
    """Each setting's variable with its default as the table has it; None where it is put in words there."""
    from pydantic import BaseModel

    for name, field in model.model_fields.items():
        variable = f"{path}{'_' if path == 'RADLOGIC' else '__'}{name.upper()}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(variable, kind)
        else:
            default = field.get_default(call_default_factory=True)
            yield variable, f"`{str(default).lower()}`" if isinstance(default, bool | int | float) else None

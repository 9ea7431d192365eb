"""Settings: every mistake is refused by name, and no value is quoted."""

import pytest
import yaml

from radlogic.adapters.archive.errors import BadArchiveSettings
from radlogic.adapters.archive.settings import Credentials
from radlogic.adapters.archive.watch.settings import read_settings
from radlogic.engine.errors import NotReadable

SECRET = "s3cret-of-the-site"  # noqa: S105
WEB = {"dicomweb": {"url": "https://pacs.example/dicom-web"}}
DIMSE = {"dimse": {"host": "pacs", "port": 104, "called": "PACS"}}
RULE = {"name": "chest", "described": "thorax|chest"}
WATCH = {"state": "s", "store": "t", "rules": [RULE]}


def credentials(**how):
    return {"archive": {"dicomweb": WEB["dicomweb"] | {"credentials": how}}}


def write(folder, content):
    path = folder / "settings.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_whole_file_is_read(tmp_path):
    receive = {"spool": "spool", "port": 11112, "callers": ["CT1"]}
    found = read_settings(write(tmp_path, {"archive": WEB, "receive": receive, "watch": WATCH}))

    assert found.the_archive().dicomweb.url == "https://pacs.example/dicom-web"
    assert (found.the_receiver().title, found.the_watch().rules[0].modality) == ("RADLOGIC", "CT")


BAD = {
    "no way": {"archive": {}},
    "two ways": {"archive": WEB | DIMSE},
    "an unknown name": {"archive": WEB | {"password": SECRET}},
    "http to another machine": {"archive": {"dicomweb": {"url": "http://pacs.example"}}},
    "a password in the URL": {"archive": {"dicomweb": {"url": f"https://u:{SECRET}@pacs.example"}}},
    "an AE title that is too long": {"archive": {"dimse": DIMSE["dimse"] | {"called": "A" * 17}}},
    "an AE title with a backslash": {"archive": {"dimse": DIMSE["dimse"] | {"called": "A\\B"}}},
    "C-MOVE without a port": {"archive": {"dimse": DIMSE["dimse"] | {"retrieve": "c-move"}}},
    "no time": {"archive": WEB | {"silence_s": 0}},
    "basic without a user": credentials(scheme="basic", secret_env="X"),  # noqa: S106
    "a secret from two places": credentials(scheme="bearer", secret_env="X", secret_file=SECRET),  # noqa: S106
    "nobody may send": {"receive": {"spool": "s", "port": 1, "callers": []}},
    "no rule": {"watch": WATCH | {"rules": []}},
    "two rules of one name": {"watch": WATCH | {"rules": [RULE, RULE]}},
    "a pattern that is none": {"watch": WATCH | {"rules": [RULE | {"described": "("}]}},
    "a modality in small letters": {"watch": WATCH | {"rules": [RULE | {"modality": "ct"}]}},
    "another indication": {"watch": WATCH | {"rules": [RULE | {"indication": SECRET}]}},
    "no mapping": "- 1",
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_refused_without_its_value(tmp_path, name):
    with pytest.raises(BadArchiveSettings) as refused:
        read_settings(write(tmp_path, BAD[name]))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("part", ["archive", "receiver", "watch"])
def test_a_part_that_a_command_needs_is_asked_for(tmp_path, part):
    found = read_settings(write(tmp_path, {"watch": None}))

    with pytest.raises(BadArchiveSettings):
        getattr(found, f"the_{part}")()


def test_no_file_and_no_yaml_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("RADLOGIC_ARCHIVE", raising=False)
    with pytest.raises(BadArchiveSettings):
        read_settings(None)
    for path in (tmp_path / "none.yaml", write(tmp_path, "a: [")):
        with pytest.raises(NotReadable):
            read_settings(path)


@pytest.mark.parametrize("text", ["", "\n", "a\nb", "\u00e9"])
def test_a_secret_that_is_none_is_refused_without_quoting_it(tmp_path, text):
    file = tmp_path / "secret"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(BadArchiveSettings) as refused:
        Credentials(scheme="bearer", secret_file=file).secret()
    assert not text.strip() or text.strip() not in str(refused.value)


def test_a_secret_of_the_environment_is_read(monkeypatch):
    monkeypatch.setenv("A_SECRET", SECRET)

    assert Credentials(scheme="bearer", secret_env="A_SECRET").secret() == SECRET  # noqa: S106

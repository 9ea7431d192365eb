"""What is shipped to run the service in containers, held against the schema, the service's own settings, and itself.

``compose-spec.json`` is the schema of the Compose specification (compose-spec/compose-spec, schema/compose-spec.json,
Apache License 2.0), unchanged, as the npm package dclint 3.1.0 ships it.
"""

import json
import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from radlogic.adapters.site_settings import READ_ELSEWHERE, SiteSettings, settings_of

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LIBRARIES = {"PGPASSFILE", "OTEL_EXPORTER_OTLP_ENDPOINT"}  # read by libpq and OpenTelemetry
DATABASE = {"POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"}  # of the image postgres
ITS_USER = {"proxy": "nginx-unprivileged"}  # images that are nobody's by themselves
TLS_PORT = "8443"


def errors(document):
    return [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in Draft7Validator(SCHEMA).iter_errors(document)
    ]


def test_the_compose_file_fits_the_specifications_schema():
    Draft7Validator.check_schema(SCHEMA)

    assert errors(COMPOSE) == []


@pytest.mark.parametrize(
    "slip", [{"readonly": True}, {"cap_drop": "ALL"}, {"healthcheck": {"tests": []}}, {"ports": 443}]
)
def test_the_schema_finds_slips(slip):
    broken = COMPOSE | {"services": SERVICES | {"radlogic": SERVICES["radlogic"] | slip}}

    assert errors(broken)


def setting_names(model=SiteSettings, before="RADLOGIC_"):
    """Every variable that the service reads."""
    for name, field in model.model_fields.items():
        yield f"{before}{name.upper()}"
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            yield from setting_names(field.annotation, f"{before}{name.upper()}__")


def test_every_variable_is_one_that_is_read():
    named = {name: set(service.get("environment", {})) for name, service in SERVICES.items()}

    assert named["radlogic"] <= {*setting_names(), *READ_ELSEWHERE, *LIBRARIES}
    assert named["database"] <= DATABASE
    assert not named["proxy"] | named["orthanc"]


def test_the_unit_and_its_environment_name_variables_that_are_read():
    texts = [(ROOT / "deploy" / "systemd" / n).read_text(encoding="utf-8") for n in ("radlogic.service", "environment.example")]  # fmt: skip  # noqa: E501
    named = {
        name
        for text in texts
        for name in re.findall(r"(?:^#?|^Environment=|(?<= ))([A-Z][A-Z_]+)=", text, re.MULTILINE)
    }

    assert "RADLOGIC_STORE" in named
    assert named <= {*setting_names(), *READ_ELSEWHERE, *LIBRARIES, "XDG_STATE_HOME", "XDG_CACHE_HOME"}


def test_the_service_takes_the_example_settings_in_the_environment_of_its_container(monkeypatch):
    for name in [n for n in os.environ if n.startswith("RADLOGIC_")]:
        monkeypatch.delenv(name)
    for name, value in SERVICES["radlogic"]["environment"].items():
        monkeypatch.setenv(name, value)
    told = settings_of(ROOT / "deploy" / "settings.example.yaml")

    assert told.access.base_url == told.trust.base_url == "https://radlogic.hospital.example"
    assert (told.store, told.logs, told.replays) == ("postgresql://radlogic@database/radlogic", "json", "store")
    assert told.processes == 2
    assert told.host == "127.0.0.1"  # the proxy is in its network
    assert [client.name for client in told.trust.clients] == ["ehr"]
    assert told.trust.verify


def test_every_file_that_is_named_is_there_or_made_by_the_script():
    mounted = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())]
    bound = [name for name in mounted if name.startswith(".")]
    made = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}

    assert len(bound) == 2
    assert [name for name in bound if not (ROOT / name).is_file()] == []
    assert os.access(ROOT / "deploy/postgres/roles.sh", os.X_OK)  # else it would run inside the image's own script
    assert {name for name in mounted if not name.startswith(".")} <= set(COMPOSE["volumes"])
    assert made == set(re.findall(r"keep ([\w.]+) \d", (ROOT / "deploy/secrets.sh").read_text(encoding="utf-8")))
    assert {Path(secret["file"]).parent.as_posix() for secret in COMPOSE["secrets"].values()} == {"deploy/secrets"}


@pytest.mark.skipif(os.geteuid() != 0, reason="files can be given to their users by root only")
def test_the_script_makes_secrets_that_only_their_reader_can_read(tmp_path):
    pem = tmp_path / "given.pem"
    pem.write_text("certificate", encoding="utf-8")
    folder = tmp_path / "secrets"
    for _ in range(2):  # what is there stays
        subprocess.run(
            ["sh", ROOT / "deploy" / "secrets.sh", pem, pem],
            check=True,
            env={**os.environ, "RADLOGIC_SECRETS": str(folder)},
        )
        made = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}
    owner = {p.name: (p.stat().st_uid, oct(p.stat().st_mode)[-3:]) for p in folder.iterdir()}
    password = made["database_password"]

    assert re.fullmatch(r"[0-9a-f]{48}", password) and password != made["database_admin"]
    assert made["database_login"] == f"database:5432:radlogic:radlogic:{password}\n"
    assert json.loads(made["orthanc.json"])["AuthenticationEnabled"] is True
    assert set(made) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert owner["database_login"] == owner["settings.yaml"] == (10001, "600")
    assert owner["database_password"] == (999, "600")
    assert owner["tls_key.pem"] == (101, "600")
    users = {name: service.get("user", "101:101").split(":")[0] for name, service in SERVICES.items()}
    for name, service in SERVICES.items():
        for secret in service["secrets"]:
            assert str(owner[Path(COMPOSE["secrets"][secret]["file"]).name][0]) == users[name]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_no_more_than_it_needs(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged") and service.get("pid") != "host" and service.get("network_mode") != "host"
    assert {"mem_limit", "pids_limit", "restart"} <= set(service)
    assert service.get("user", "0:0") != "0:0" or ITS_USER[name] in service["image"]
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_of_one_version(name):
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.]+)?", SERVICES[name]["image"])


def test_nobody_reaches_anything_but_the_proxy():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {"radlogic": [f"${{RADLOGIC_TLS_PORT:-443}}:{TLS_PORT}"]}
    assert SERVICES["proxy"]["network_mode"] == "service:radlogic"
    assert f"listen {TLS_PORT} ssl" in (ROOT / "deploy/nginx/nginx.conf").read_text(encoding="utf-8")
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["database"]["networks"] == SERVICES["orthanc"]["networks"] == ["inside"]


def test_secrets_come_as_files_and_each_is_declared_and_used():
    used = {secret for service in SERVICES.values() for secret in service["secrets"]}
    values = [v for s in SERVICES.values() for k, v in s.get("environment", {}).items() if not k.endswith("FILE")]

    assert used == set(COMPOSE["secrets"])
    assert not [
        value for value in values if re.search(r"(?i)password|secret|:[^/@]+@", str(value).replace("secrets/", ""))
    ]


@pytest.mark.parametrize("name", ["radlogic", "proxy", "database"])
def test_services_wait_for_each_other_by_health(name):
    service = SERVICES[name]

    assert service["healthcheck"]["test"][0] == "CMD"
    assert all(how["condition"] == "service_healthy" for how in service.get("depends_on", {}).values())


def test_a_container_is_killed_later_than_the_service_gives_up():
    seconds = int(SERVICES["radlogic"]["stop_grace_period"].removesuffix("s"))
    unit = (ROOT / "deploy" / "systemd" / "radlogic.service").read_text(encoding="utf-8")

    assert seconds > SiteSettings().shutdown_s + 30  # and a thread that waits for the database's lock
    assert f"TimeoutStopSec={seconds}" in unit


def instructions():
    """(word, rest) of each instruction of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def test_the_image_is_built_of_pinned_parts_and_is_nobodys():
    steps = instructions()
    words = [word for word, _ in steps]
    user = [rest for word, rest in steps if word == "USER"]

    assert all(re.match(r"python:3\.11\.\d+-slim-\w+( AS build)?$", rest) for word, rest in steps if word == "FROM")
    assert user == ["10001:10001"] == [SERVICES["radlogic"]["user"]]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert dict(steps)["ENTRYPOINT"].startswith("[") and dict(steps)["CMD"].startswith("[")  # no shell gets the signal
    assert "ADD" not in words
    assert "PIP_CONSTRAINT=/source/constraints.txt" in DOCKERFILE
    assert dict(steps)["STOPSIGNAL"] == "SIGTERM"


def test_the_image_checks_its_health_as_compose_does():
    asked = json.loads(dict(instructions())["HEALTHCHECK"].split("CMD ", 1)[1])

    assert ["CMD", *asked] == SERVICES["radlogic"]["healthcheck"]["test"]
    assert f":{SiteSettings().port}/readyz" in asked[-1]


def sent(path):
    """Whether a path goes to the builder: the last pattern that fits decides, of a path or of a folder above it."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    above = [path, *(p.as_posix() for p in Path(path).parents if p != Path())]
    taken = True
    for pattern in patterns:
        plain = pattern.removeprefix("!").removeprefix("**/")
        hits = any(fnmatch(one if "**/" not in pattern else Path(one).name, plain) for one in above)
        taken = pattern.startswith("!") if hits else taken
    return taken


def test_all_that_a_wheel_needs_goes_to_the_builder_and_nothing_else():
    needed = ["pyproject.toml", "setup.py", "constraints.txt", "README.md", "LICENSE", "adapters/service.py",
              "engine/assess.py", "rules/lung-rads/2022/README.md", "knowledge/gates.yaml"]  # fmt: skip
    kept_away = [".git/config", "tests/test_docs.py", "deploy/secrets/tls_key.pem", "out/store/radlogic.sqlite3",
                 ".venv/x", "adapters/__pycache__/x.pyc", ".env", "docs/operations.md", "shared/data/x"]  # fmt: skip

    assert all((ROOT / name).exists() for name in needed)
    assert [name for name in needed if not sent(name)] == []
    assert [name for name in kept_away if sent(name)] == []

"""How far connections go: to listed servers, at addresses that were looked at, in TLS that names the listed host."""

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st
from lying_fhir_server import serving

from radlogic.adapters.cds_hooks.data.addresses import METADATA, may_be_reached
from radlogic.adapters.cds_hooks.data.outcomes import WORDS, Why
from radlogic.adapters.cds_hooks.trust.errors import BadTrustSetting

NEEDS = {"patient": "Patient/7"}
EVERYTHING = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))

UNSPECIFIED = str(ipaddress.IPv4Address(0))
PRIVATE = [
    "127.0.0.1", "127.8.9.10", UNSPECIFIED, "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
    "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1",
    "2001:0:0:0:0:0:f5ff:fffe", "fe80::1%eth0",
    "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "", "10.0.0.1/8",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_in_all_their_forms_are_refused(address):
    assert not may_be_reached(address, ())


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111", "1.0.0.1"])
def test_public_ones_are_not(address):
    assert may_be_reached(address, ())


def test_listed_private_networks_are_open_and_no_others():
    listed = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd12::/16"))

    assert [may_be_reached(a, listed) for a in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::7")] == [True] * 3
    assert [may_be_reached(a, listed) for a in ("10.2.0.1", "::ffff:10.2.0.1", "fd13::7", "127.0.0.1")] == [False] * 4


@pytest.mark.parametrize("address", [*sorted(map(str, METADATA)), "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"])
def test_a_machines_own_credentials_are_out_of_reach_whatever_is_listed(address):
    assert not may_be_reached(address, EVERYTHING)


@given(st.ip_addresses(v=4))
@example(ipaddress.IPv4Address("169.254.169.254"))
def test_an_address_is_judged_alike_in_all_its_forms(address):
    """The standard library says what is public; mapped and translated forms must follow."""
    plain = may_be_reached(str(address), ())
    packed = int(address)
    translated = str(ipaddress.IPv6Address((0x64FF9B << 96) + packed))

    assert plain == may_be_reached(f"::ffff:{address}", ()) == may_be_reached(translated, ())
    assert not plain or address.is_global


UNLISTED = [
    "https://evil.example/fhir", "http://ehr.example/fhir", "https://ehr.example", "https://ehr.example/fhir/Patient",
    "https://ehr.example/fhir2", "https://ehr.example:8443/fhir", "https://ehr.example.evil.example/fhir",
    "https://ehr.example@evil.example/fhir", "https://evil.example#@ehr.example/fhir",
    "https://user:x@ehr.example/fhir",
    "https://evil.example\\@ehr.example/fhir", "https://ehr.example\\.evil.example/fhir", "https://ehr.example/fhir?x=1",
    "https://ehr.example/fhir#x", "https://ehr.example/other/../fhir", "https://ehr.example/%66hir",
    "//ehr.example/fhir",
    "https://127.0.0.1/fhir", "https://2130706433/fhir", "https://0x7f000001/fhir", "https://0177.0.0.1/fhir",
    "https://127.1/fhir", "https://[::ffff:127.0.0.1]/fhir", "https://169.254.169.254/latest/meta-data",
    "http://169.254.169.254/fhir", "file:///etc/passwd", "gopher://ehr.example/fhir", "https://ehr.ex\u0430mple/fhir",
    "https://ehr.example/fhir\r\nX: 1", " https://ehr.example/fhir", "https://ehr.example/fhir\0", "https:///fhir",
    "https://ehr.example:99999/fhir", "https://[ehr.example]/fhir", "", "ehr.example/fhir", "javascript:alert(1)",
]  # fmt: skip


class Names:
    """A name service that says what it is told to, in turn."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.mark.parametrize("url", UNLISTED)
def test_a_server_that_is_not_on_the_list_is_not_even_looked_up(way, url):
    names = Names(["8.8.8.8"])

    lacking = way(base="https://ehr.example/fhir", resolve=names).get(NEEDS, url).patient.lacking

    assert (lacking, names.asked) == (WORDS[Why.SERVER_NOT_LISTED], [])


@pytest.mark.parametrize("address", [a for a in PRIVATE if a and "%" not in a])
def test_a_listed_name_that_resolves_to_a_private_address_is_not_connected_to(way, address):
    names = Names([address])
    mine = way(base="https://ehr.example/fhir", resolve=names, networks=())

    assert mine.get(NEEDS, "https://ehr.example/fhir").patient.lacking == WORDS[Why.ADDRESS_REFUSED]
    assert names.asked == [("ehr.example", 443)]


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "ehr.0x7f", "1.2.3.4.5"])
def test_numbers_for_names_cannot_even_be_listed(way, host):
    with pytest.raises(BadTrustSetting, match="base"):
        way(base=f"https://{host}/fhir")


@pytest.mark.parametrize("answer", [[], OSError("no such name"), socket.gaierror(-2, "ehr.example")], ids=str)
def test_a_name_without_an_address_is_unreachable(way, answer):
    mine = way(base="https://ehr.example/fhir", resolve=Names(answer))

    assert mine.get(NEEDS, "https://ehr.example/fhir").patient.lacking == WORDS[Why.UNREACHABLE]


def test_a_name_service_that_hangs_is_not_waited_for(way, as_shipped):
    import asyncio

    async def hangs(*_):
        await asyncio.sleep(60)

    mine = way(as_shipped, base="https://ehr.example/fhir", resolve=hangs)

    assert mine.get(NEEDS, "https://ehr.example/fhir").patient.lacking == WORDS[Why.TIMEOUT]
    assert mine.within(1, NEEDS, "https://ehr.example/fhir")


def certificate(folder, name):
    """A certificate authority's file, and a server's TLS with a certificate for one name."""
    now, authority_key, server_key = datetime.now(UTC), *(ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the hospital")])

    def made(subject, key, *extensions):
        builder = x509.CertificateBuilder().issuer_name(authority).subject_name(subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority_key, hashes.SHA256())

    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    root = made(authority, authority_key, (x509.BasicConstraints(True, None), True), (identifier, False))
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    leaf = made(subject, server_key, (names, False), (issued_by, False), (x509.BasicConstraints(False, None), True))
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return folder / "ca.pem", context


@pytest.fixture
def secure(tmp_path, way):
    """A TLS server of ehr.example on loopback, and a way to it by that name."""
    ca, context = certificate(tmp_path, "ehr.example")
    with serving(context) as server:
        port = server.origin.rpartition(":")[2]

        def make(name="ehr.example", answers=(["127.0.0.1"],), ca_file=ca, **settings):
            base = f"https://{name}:{port}/fhir"
            names = Names(*answers)
            mine = way(base=base, resolve=names, ca_file=ca_file, **settings)
            return mine, names, base

        yield server, make


def test_tls_is_checked_against_the_name_though_the_address_is_connected_to(secure):
    server, make = secure
    mine, names, base = make()

    assert mine.get(NEEDS, base).patient.value is not None
    assert server.asked[0][1]["Host"] == base.split("/")[2]
    assert len(names.asked) == 1


@pytest.mark.parametrize("wrong", [{"name": "other.example"}, {"ca_file": None}], ids=str)
def test_another_name_or_an_unknown_authority_is_not_believed(secure, wrong):
    server, make = secure
    mine, _, base = make(**wrong)

    assert mine.get(NEEDS, base).patient.lacking == WORDS[Why.UNREACHABLE]
    assert server.asked == []


def test_a_name_that_resolves_differently_a_moment_later_gains_nothing(secure):
    """DNS rebinding: what was looked at is what is connected to, and is kept for a while."""
    server, make = secure
    mine, names, base = make(answers=(["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"]))

    assert [bool(mine.get(NEEDS, base).patient.value) for _ in range(3)] == [True] * 3
    assert (len(names.asked), len(server.asked)) == (1, 3)


def test_of_several_addresses_only_those_that_may_be_are_tried(secure):
    _, make = secure
    mine, _, base = make(answers=(["10.0.0.1", "169.254.169.254", "127.0.0.2", "127.0.0.1"],))

    assert mine.get(NEEDS, base).patient.value is not None  # nobody listens at 127.0.0.2


def test_proxies_and_passwords_of_the_environment_are_not_used(fhir, way, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login evil password evil", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert way(needs_token=False).get(NEEDS, fhir.base, None).patient.value is not None
    assert fhir.tokens() == [None]

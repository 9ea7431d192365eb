"""The shipped nginx configuration, on a real nginx: what passes, what is refused, and that nothing is written down."""

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "nginx.conf"
NGINX = shutil.which("nginx")
HIDDEN = "zebedee-muster-4711"

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def certify(folder):
    """A certificate that signed itself, and its key, where the configuration looks for them."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tls_key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "tls_certificate").write_bytes(made.public_bytes(pem))


def configuration(folder, ports):
    """The shipped one with files and ports of a test, nothing else changed."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text = re.sub(r"(?<= )/(tmp|run/secrets|dev)/", f"{folder}/", text)
    for stands, here in ports.items():
        text = re.sub(rf"(?<=[ :]){stands}\b", str(here), text)
    path = folder / "nginx.conf"
    path.write_text(text, encoding="utf-8")
    return path


def test_nginx_takes_the_configuration(tmp_path):
    certify(tmp_path)
    command = [NGINX, "-t", "-p", tmp_path, "-c", configuration(tmp_path, {})]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert run.returncode == 0, run.stderr


class Behind(BaseHTTPRequestHandler):
    """What stands behind the proxy: answers with the headers that it got."""

    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


@contextmanager
def behind():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy(tmp_path):
    """Ports of a running proxy: for everybody, for the monitoring."""
    certify(tmp_path)
    with behind() as service:
        ports = {8443: free_port(), 8444: free_port(), 8765: service}
        command = [NGINX, "-p", tmp_path, "-c", configuration(tmp_path, ports), "-g", "daemon off;"]
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", ports[8443]), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield ports[8443], ports[8444]
        running.terminate()
        running.wait(10)


def ask(folder, port, path, method="GET", body=None, **headers):
    context = ssl.create_default_context(cafile=folder / "tls_certificate")
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def logged(folder):
    """The proxy's lines about calls; the last one is written after the answer has left."""
    for _ in range(100):
        lines = [json.loads(line) for line in (folder / "stdout").read_text(encoding="utf-8").splitlines()]
        if any(line["request_id"] for line in lines):
            break
        time.sleep(0.05)
    return lines


def test_a_call_passes_with_its_senders_address_and_one_id_and_nothing_that_it_claims(proxy, tmp_path):
    claims = {"X_Forwarded_For": "10.9.9.9", "X_Forwarded_Host": "evil.example", "Forwarded": "for=10.9.9.9"}
    status, content = ask(tmp_path, proxy[0], f"/x?{HIDDEN}", X_Request_Id=HIDDEN, Authorization="Bearer t", **claims)
    got = json.loads(content)
    lines = logged(tmp_path)

    assert status == 200
    assert (got["x-forwarded-for"], got["x-forwarded-proto"]) == ("127.0.0.1", "https")
    assert not {"x-forwarded-host", "forwarded"} & set(got)
    assert (got["host"], got["authorization"]) == (f"localhost:{proxy[0]}", "Bearer t")
    assert re.fullmatch(r"[0-9a-f]{32}", got["x-request-id"])
    assert [(line["status"], line["request_id"]) for line in lines] == [(200, got["x-request-id"])]


@pytest.mark.parametrize(("path", "public", "monitoring"), [
    ("/healthz", 200, 200), ("/readyz", 404, 200), ("/metrics", 404, 200), ("/review", 200, 404),
    ("/cds-services", 200, 404), ("/metrics/", 200, 404),
])  # fmt: skip
def test_what_is_answered_to_whom(proxy, tmp_path, path, public, monitoring):
    assert (ask(tmp_path, proxy[0], path)[0], ask(tmp_path, proxy[1], path)[0]) == (public, monitoring)


def test_bodies_pass_up_to_the_services_limit_and_in_memory(proxy, tmp_path):
    context = ssl.create_default_context(cafile=tmp_path / "tls_certificate")
    connection = http.client.HTTPSConnection("localhost", proxy[0], context=context, timeout=10)
    connection.putrequest("POST", "/cds-services/x")
    connection.putheader("Content-Length", str((4 << 20) + 1))
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()
    assert ask(tmp_path, proxy[0], "/cds-services/x", "POST", b"x" * (4 << 20))[0] == 200
    assert not [p for p in (tmp_path / "body").rglob("*") if p.is_file()]


def test_old_tls_is_refused(proxy, tmp_path):
    context = ssl.create_default_context(cafile=tmp_path / "tls_certificate")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", proxy[0]), timeout=5) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_service_that_is_gone_is_told_without_a_word_of_the_call(proxy, tmp_path):
    certify(tmp_path)
    ports = {8443: free_port(), 8444: free_port(), 8765: free_port()}
    folder = tmp_path / "alone"
    folder.mkdir()
    certify(folder)
    running = subprocess.Popen(
        [NGINX, "-p", folder, "-c", configuration(folder, ports), "-g", "daemon off;"], stderr=subprocess.DEVNULL
    )
    time.sleep(0.5)
    status, _ = ask(folder, ports[8443], f"/patients/{HIDDEN}?name={HIDDEN}")
    running.terminate()
    running.wait(10)
    written = "".join(p.read_text(encoding="utf-8") for p in folder.iterdir() if p.name in {"stdout", "stderr"})

    assert status == 502
    assert '"status":502' in written
    assert HIDDEN not in written

"""Claim: on two cores, client included, the CDS services answer 100 calls a second for 60 s without an error, with a
99th percentile of at most 50 ms (a tenth of what CDS Hooks asks for) that is below HealthChain's; start to ready takes
at most 2 s and at most 300 MB are resident, without growth. It runs in two processes, which memory and processor time
are those of together, with the one that started them; a peer runs as its own command starts it, in one.

    python benchmarks/cds_load.py [--peer-venv FOLDER] [--seconds 60] [--rounds 2] [--rate 100] [--processes 2] ...

Does everything itself: a store of 5,000 decisions on 2,000 patients, a FHIR server for what calls do not bring, keys,
``radlogic serve`` with verified tokens, and the peer of ``healthchain_peer``. Services take turns in rounds of the
same calls (``hook_calls``), sent by ``open_loop``, a process of its own that sends at a constant rate and counts each
call's time from when it was due. The rest of the machine should be idle: a busy one shows in the client's own
lateness, which is printed. The server's rate limits are raised, for it is its ceiling that is asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import healthchain_peer as peer
import yaml
from cds_store import filled
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hook_calls import PATIENTS, SERVICES, STATES
from open_loop import SHOWN, Job, _b64

from radlogic.adapters.store.cases import Store

HERE = Path(__file__).resolve().parent
RADLOGIC = str(Path(sys.executable).with_name("radlogic"))
ISS, KID = "https://ehr.load.example", "load-1"
JKU = f"{ISS}/.well-known/jwks.json"
P99_MS, READY_S, RESIDENT_MB, GROWTH_MB = 50.0, 2.0, 300.0, 1.0  # growth: over the second half of all calls
TICK = os.sysconf("SC_CLK_TCK")
MB = 1 << 20
# as on a user's machine: modules are compiled once, and not anew by each program that starts
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class Server:
    """A server that is measured: its process, and what the client needs to know of it."""

    name: str
    process: subprocess.Popen[bytes]
    job: dict[str, Any]
    resident: list[tuple[int, float]] = field(default_factory=list)  # calls answered so far, MB
    answered: int = 0

    def cpu_s(self) -> float:
        """Processor time so far, all threads of all its processes."""
        return sum(map(_cpu_s, self._all()))

    def rss_mb(self) -> float:
        """Resident memory now, of all its processes; what several share counts once (PSS of ``proc(5)``)."""
        return sum(map(_resident_mb, self._all()))

    def _all(self) -> list[int]:
        """The process and those that it started."""
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").split()
        return [own, *map(int, children)]


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _resident_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@dataclass(frozen=True)
class Round:
    """What one round of one server came to."""

    told: dict[str, Any]
    cpu_ms: float  # of the server, for one call
    share: float  # of one core, in the round

    @property
    def p99(self) -> float:
        """Of all calls, ms."""
        return float(self.told["ms"]["all"]["99.0"])

    @property
    def failed(self) -> int:
        """Calls that were not answered with 200."""
        return sum(self.told["failed"].values())


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], ready: str, folder: Path, log: str) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The process, and the seconds from its start until ``ready`` answered 200; ended with the block."""
    with (folder / log).open("wb") as out:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=COMPILED)
        try:
            until_ready(process, ready, folder / log)
            yield process, time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait for an answer of status below 500, asking every 10 ms for a minute at most."""
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # loopback
            return
        time.sleep(0.01)
    sys.exit(f"no answer from {url}:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def keys(folder: Path) -> Path:
    """A fresh P-384 key for the client, and its public half for the service."""
    key = ec.generate_private_key(ec.SECP384R1())
    kind = serialization.PrivateFormat.PKCS8
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
    numbers = key.public_key().public_numbers()
    x, y = (_b64(value.to_bytes(48, "big")) for value in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": "P-384", "kid": KID, "use": "sig", "x": x, "y": y}
    (folder / "jwks.json").write_text(json.dumps({"keys": [jwk]}), encoding="utf-8")
    return path


def settings(folder: Path, port: int, fhir: str, processes: int) -> Path:
    """What the service is set to: one client with its keys and FHIR server, and limits that are out of the way."""
    client = {
        "name": "load", "iss": ISS, "keys": [{"jku": JKU, "file": str(folder / "jwks.json")}],
        "fhir_servers": [{"base": fhir, "subject": "radlogic"}], "networks": ["127.0.0.0/8"],
    }  # fmt: skip
    limits = dict.fromkeys(("burst", "requests_per_s", "client_burst", "client_requests_per_s"), 100_000)
    tree = {"store": str(folder / "store"), "port": port, "processes": processes}
    tree |= {"trust": {"clients": [client], **limits}}
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


@contextmanager
def ours(folder: Path, fhir: str, asked: argparse.Namespace) -> Iterator[tuple[Server, float]]:
    """``radlogic serve``, ready, and the seconds that took."""
    port = free_port()
    command = [RADLOGIC, "serve", "--settings", str(settings(folder, port, fhir, asked.processes))]
    issuer = {"iss": ISS, "jku": JKU, "kid": KID, "key": str(folder / "key.pem"), "base": f"http://127.0.0.1:{port}"}
    if asked.unverified:
        command, issuer = [*command, "--unverified"], {}
    with running(command, f"http://127.0.0.1:{port}/readyz", folder, "radlogic.log") as (process, took):
        yield Server("radlogic", process, {"port": port, "fhir": fhir, "issuer": issuer}), took


@contextmanager
def theirs(folder: Path, python: Path, kind: str) -> Iterator[Server]:
    """The peer, ready."""
    port, place = free_port(), peer.project(python, folder, kind)
    with running(peer.command(python, port), f"http://127.0.0.1:{port}/docs", place, "peer.log") as (process, took):
        server = Server(f"HealthChain, {kind}", process, {"port": port, "peer": peer.PATH})
        print(f"start to ready of {server.name}: {took:.2f} s, then {server.rss_mb():.0f} MB resident")
        yield server


def one_round(server: Server, folder: Path, rate: float, seconds: float, seed: int) -> Round:
    """Send the calls of that seed to a server."""
    job = Job(rate=rate, seconds=seconds, seed=seed, **server.job)
    told, result = folder / "job.json", folder / "result.json"
    told.write_text(json.dumps(asdict(job)), encoding="utf-8")
    result.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "open_loop.py"), str(told), str(result)]
    before = server.cpu_s()
    with watched(server, rate):
        subprocess.run(command, check=True)
    spent = server.cpu_s() - before
    found = json.loads(result.read_text(encoding="utf-8"))
    server.answered += found["calls"]
    server.resident.append((server.answered, server.rss_mb()))
    return Round(found, 1000 * spent / found["calls"], spent / seconds)


@contextmanager
def watched(server: Server, rate: float) -> Iterator[None]:
    """Note the server's resident memory each second."""
    over, begun = threading.Event(), time.perf_counter()

    def watch() -> None:
        while not over.wait(1.0):
            server.resident.append((server.answered + int(rate * (time.perf_counter() - begun)), server.rss_mb()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def ceiling(server: Server, folder: Path, start: float, seconds: float) -> tuple[float, list[tuple[float, Round]]]:
    """The highest rate without an error and with a 99th percentile below the bound, to a twentieth; and what was tried.

    A rate counts as held where one of two tries holds: what is looked for is the server's ceiling, not the machine's
    mood.
    """
    tried: list[tuple[float, Round]] = []

    def holds(rate: float) -> bool:
        for _ in range(2):
            found = one_round(server, folder, rate, seconds, 1000 + len(tried))
            tried.append((rate, found))
            if found.failed == 0 and found.p99 < P99_MS:
                return True
        return False

    low, high = 0.0, start
    while holds(high):
        low, high = high, high * 1.3
    while high - low > 0.05 * high and high > 10:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, tried


def growth(resident: list[tuple[int, float]]) -> tuple[float, float]:
    """Over the later half of the calls: MB in all, and MB for 10,000 calls, by least squares."""
    later = [pair for pair in resident if pair[0] >= resident[-1][0] / 2]
    if len({count for count, _ in later}) < 2:
        return 0.0, 0.0
    slope = statistics.linear_regression(*zip(*later, strict=True)).slope
    return slope * (later[-1][0] - later[0][0]), slope * 10_000


def at_thirds(server: Server) -> str:
    """Resident memory before its first call of the rounds, in the middle of its calls, and after the last."""
    first, *_, last = server.resident
    middle = min(server.resident, key=lambda pair: abs(pair[0] - (first[0] + last[0]) / 2))
    return (
        f"{first[1]:.1f} MB at first, {middle[1]:.1f} MB in the middle, {last[1]:.1f} MB at the end of {last[0]} calls"
    )


def shown(name: str, found: Round) -> str:
    """One line of the table."""
    times = "".join(f"{found.told['ms']['all'][str(p)]:9.1f}" for p in SHOWN)
    lines = (
        f"{name:<22}{found.told['calls']:>7}{found.failed:>7}{times}{found.cpu_ms:9.2f}{100 * found.share:7.0f} %"
        f"{100 * found.told['client_cpu']:7.1f} %{found.told['client_late_p99_ms']:8.1f}"
    )
    return lines + "".join(f"\n    {count} x {what}" for what, count in found.told["failed"].items())


def head() -> str:
    """The table's head."""
    times = "".join(f"{'max' if p == 100 else f'p{p:g}':>9}" for p in SHOWN)
    return f"{'':<22}{'calls':>7}{'failed':>7}{times}{'CPU ms':>9}{'core':>9}{'client':>9}{'late':>8}"


def starts(folder: Path, fhir: str, asked: argparse.Namespace) -> tuple[list[float], float]:
    """Seconds from start to ready of several starts, and MB when ready; the first start, with cold caches, is not
    among them."""
    took, resident = [], 0.0
    for number in range(asked.starts + 1):
        with ours(folder, fhir, asked) as (server, seconds):
            resident = max(resident, server.rss_mb())
            took += [seconds] * (number > 0)
    return took, resident


def main() -> int:
    asked = arguments()
    with ExitStack() as stack:
        folder = Path(asked.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        pythons = peer.environment(Path(asked.peer_venv or folder / "venv")) if not asked.no_peer else None
        said(asked)
        if not (folder / "store").exists():
            with Store.open(str(folder / "store")) as store:
                filled(store, asked.decisions, date.today())
        keys(folder)
        port = free_port()
        command = [sys.executable, str(HERE / "fhir_stand_in.py"), str(port), str(asked.fhir_ms)]
        fhir = f"http://127.0.0.1:{port}/fhir"
        ready = f"{fhir}/Patient/load-00001"
        stack.enter_context(running(command, ready, folder, "fhir.log"))
        return measured(folder, fhir, pythons, asked)


def measured(folder: Path, fhir: str, python: Path | None, asked: argparse.Namespace) -> int:
    """Starts, rounds, ceiling, memory: printed; 0 where every claim held."""
    took, at_start = starts(folder, fhir, asked)
    ready = statistics.median(took)
    print(
        f"start to ready: median {ready:.2f} s, {min(took):.2f} to {max(took):.2f} s; then {at_start:.0f} MB resident"
    )
    with ExitStack() as stack:
        servers = [stack.enter_context(ours(folder, fhir, asked))[0]]
        made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for kind in (peer.MINIMAL, peer.READS) if python else ():
            servers.append(stack.enter_context(theirs(made, python, kind)))  # type: ignore[arg-type]  # not None
        rounds = taken(servers, folder, asked)
        ratios(rounds)
        first = servers[0]
        held, tried = ceiling(first, folder, asked.rate, asked.ceiling_s) if asked.ceiling_s else (0.0, [])
        for rate, found in tried:
            print(shown(f"radlogic at {rate:.0f}/s", found))
        if tried:
            print(f"ceiling: {held:.0f} calls a second without an error and p99 below {P99_MS:.0f} ms")
        print(*(f"memory of {server.name}: {at_thirds(server)}" for server in servers), sep="\n")
        return verdict(rounds, first, ready, at_start, asked)


def ratios(rounds: dict[str, list[Round]]) -> None:
    """Processor time of a call, ms, and beside the peers': rounds of one turn lie side by side, so that a slow machine
    slows all of them."""
    mine, *others = rounds.items()
    print(f"processor time of a call: {statistics.median(one.cpu_ms for one in mine[1]):.2f} ms", end="")
    for name, found in others:
        told = [ours.cpu_ms / theirs.cpu_ms for ours, theirs in zip(mine[1], found, strict=True)]
        print(f"; {statistics.median(told):.2f} times that of {name}", end="")
    print()


def taken(servers: list[Server], folder: Path, asked: argparse.Namespace) -> dict[str, list[Round]]:
    """The rounds, servers in turn, after a round to warm up that does not count."""
    for server in servers:
        one_round(server, folder, asked.rate / 2, asked.warm_s, 0)
    found: dict[str, list[Round]] = {server.name: [] for server in servers}
    print(head())
    for number in range(asked.rounds):
        for server in servers:
            done = one_round(server, folder, asked.rate, asked.seconds, 1 + number)
            found[server.name].append(done)
            print(shown(f"{server.name}, {number + 1}", done), flush=True)
    print("\nradlogic, last round, by service and by what was prefetched:")
    told = found[servers[0].name][-1].told
    for name, times in told["ms"].items():
        print(f"    {name:<32}{told['count'][name]:>7}" + "".join(f"{times[str(p)]:9.1f}" for p in SHOWN))
    return found


def verdict(
    rounds: dict[str, list[Round]], first: Server, ready: float, at_start: float, asked: argparse.Namespace
) -> int:
    """What was claimed, and whether it held."""
    mine, *others = rounds.items()
    p99 = statistics.median(found.p99 for found in mine[1])
    grown, slope = growth(first.resident)
    most = max(mb for _, mb in first.resident)
    print(f"memory: {at_start:.0f} MB when ready, at most {most:.0f} MB in {first.answered} calls;", end=" ")
    print(f"in the later half {grown:+.1f} MB, {slope:+.2f} MB for 10,000 calls")
    print(f"{asked.rate:g} calls a second for {asked.seconds:g} s a round; radlogic in {asked.processes} processes")
    claims = {
        "no error in the rounds": sum(found.failed for found in mine[1]) == 0,
        f"p99 {p99:.1f} ms, at most {P99_MS:.0f} ms": p99 <= P99_MS,
        f"start to ready {ready:.2f} s, at most {READY_S:.0f} s": ready <= READY_S,
        f"{most:.0f} MB resident, at most {RESIDENT_MB:.0f} MB": most <= RESIDENT_MB,
        f"memory flat: {grown:+.1f} MB in the later half, at most {GROWTH_MB:.0f} MB": grown <= GROWTH_MB,
    }
    for name, found in others:
        theirs_ = statistics.median(one.p99 for one in found)
        claims[f"p99 {p99:.1f} ms, below {theirs_:.1f} ms of {name}"] = p99 < theirs_
    for claim, held in claims.items():
        print(f"{'yes' if held else 'NO':<4}{claim}")
    return 0 if all(claims.values()) else 1


def said(asked: argparse.Namespace) -> None:
    """What is about to be measured."""
    print(f"{asked.decisions} decisions, {PATIENTS} patients, {os.cpu_count()} cores, the client among them;", end=" ")
    tokens = "no tokens" if asked.unverified else "an ES384 token a call"
    print(f"radlogic in {asked.processes} process{'es' * (asked.processes > 1)}, each peer in one;", end=" ")
    print(f"{tokens}; the FHIR server takes {asked.fhir_ms:g} ms for an answer")
    print("services, %: " + ", ".join(f"{name} {share}" for name, (_, share) in SERVICES.items()))
    print("prefetch, %: " + ", ".join(f"{name} {share}" for name, share in STATES.items()))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--warm-s", type=float, default=10.0, help="seconds of the round that does not count")
    parser.add_argument(
        "--ceiling-s", type=float, default=10.0, help="seconds of each try; 0: no ceiling is looked for"
    )
    parser.add_argument("--processes", type=int, default=2, help="of radlogic (`radlogic serve --processes`)")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=5000)
    parser.add_argument("--fhir-ms", type=float, default=5.0, help="time that the FHIR server takes for an answer")
    parser.add_argument("--peer-venv", help="a virtual environment with HealthChain, made there if it has none")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--unverified", action="store_true", help="calls without tokens")
    parser.add_argument("--keep", help="a folder for store and logs, used again if it is there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

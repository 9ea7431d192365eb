"""An OpenID provider and an EHR's SMART authorization server on loopback, for tests of those who trust them.

Written from OpenID Connect Core 1.0, RFC 6749, RFC 7636, RFC 9207 and SMART App Launch 2.2; signs with
``cryptography`` itself. Shares no code with the product, and can be told to misbehave.
"""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "radlogic-review"


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def part(content: object) -> str:
    return b64(json.dumps(content).encode())


class RsaKey:
    """RS256."""

    alg = "RS256"

    def __init__(self, kid: str = "rsa-1") -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(65537, 2048)

    def jwk(self) -> dict[str, str]:
        public = self.private.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "n": number(public.n), "e": number(public.e)}

    def pem(self) -> bytes:
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, kind)

    def sign(self, content: bytes) -> bytes:
        return self.private.sign(content, padding.PKCS1v15(), hashes.SHA256())


class EcKey:
    """ES384, which SMART asks servers to know."""

    alg = "ES384"

    def __init__(self, kid: str = "ec-1") -> None:
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP384R1())

    def jwk(self) -> dict[str, str]:
        public = self.private.public_key().public_numbers()
        x, y = (b64(v.to_bytes(48, "big")) for v in (public.x, public.y))
        return {"kty": "EC", "crv": "P-384", "kid": self.kid, "use": "sig", "x": x, "y": y}

    def sign(self, content: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(content, ec.ECDSA(hashes.SHA384())))
        return r.to_bytes(48, "big") + s.to_bytes(48, "big")


Key = RsaKey | EcKey


def signed(key: Key, claims: object, **header: object) -> str:
    """A token by the provider's own key."""
    text = f"{part({'alg': key.alg, 'typ': 'JWT', 'kid': key.kid} | header)}.{part(claims)}"
    return f"{text}.{b64(key.sign(text.encode()))}"


def unsigned(claims: object) -> str:
    """alg none."""
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def signed_with_the_public_key(key: RsaKey, claims: object) -> str:
    """HS256 with the RSA public key as its secret: the classic confusion."""
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{part(claims)}"
    return f"{text}.{b64(hmac.new(key.pem(), text.encode(), hashlib.sha256).digest())}"


@dataclass
class IdentityServer:
    """The server's state, which tests read and change."""

    base: str
    key: Key = field(default_factory=RsaKey)
    client_id: str = CLIENT
    client_secret: str | None = None
    user: dict[str, object] = field(default_factory=lambda: {"sub": "user-1", "name": "Ada Reader", "groups": ["rad"]})
    context: dict[str, object] = field(default_factory=dict)  # beside the tokens: patient, encounter
    checks_pkce: bool = True
    names_itself: bool = True
    smart_capable: bool = True
    claims: dict[str, object] = field(default_factory=dict)  # over the honest ones
    metadata: dict[str, object] = field(default_factory=dict)  # over the honest ones
    token_of: Callable[[dict[str, object]], str] | None = None  # instead of an honest signature
    answer: Callable[[str], Response] | None = None  # instead of an honest answer, by path
    keys: list[dict[str, str]] | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)  # all secrets that were ever handed out

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir"

    def honest_claims(self, nonce: str) -> dict[str, object]:
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        return {"iss": self.base, "aud": self.client_id, "nonce": nonce, **times, **self.user, **self.claims}


def _app(server: IdentityServer) -> Starlette:
    def guarded(handler: Callable[[Request, dict[str, str]], Response]):
        async def handle(request: Request) -> Response:
            form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
            fields = dict(request.query_params) | form
            server.asked.append(
                (request.url.path, fields | {"authorization": request.headers.get("authorization", "")})
            )
            return (server.answer and server.answer(request.url.path)) or handler(request, fields)

        return handle

    def metadata(request: Request, _: dict[str, str]) -> Response:
        ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        said = {name: server.base + path for name, path in ends.items()} | {"issuer": server.base}
        said |= {"authorization_response_iss_parameter_supported": server.names_itself}
        if "smart" in request.url.path:
            said |= {"capabilities": ["launch-ehr", "sso-openid-connect", "client-public", "context-ehr-patient"]}
            said |= {"code_challenge_methods_supported": ["S256"], "grant_types_supported": ["authorization_code"]}
        return JSONResponse(said | server.metadata)

    def authorize(_: Request, asked: dict[str, str]) -> Response:
        code = secrets.token_urlsafe(24)
        server.codes[code] = asked
        server.tokens.append(code)
        back = {"code": code, "state": asked["state"]} | ({"iss": server.base} if server.names_itself else {})
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    def token(request: Request, asked: dict[str, str]) -> Response:
        begun = server.codes.pop(asked.get("code", ""), None)  # once
        if begun is None or begun["redirect_uri"] != asked.get("redirect_uri") or not known(request, asked):
            return JSONResponse({"error": "invalid_grant"}, 400)
        if server.checks_pkce:
            fits = b64(hashlib.sha256(asked.get("code_verifier", "").encode()).digest())
            if begun.get("code_challenge_method") != "S256" or begun.get("code_challenge") != fits:
                return JSONResponse({"error": "invalid_grant"}, 400)
        claims = server.honest_claims(begun.get("nonce", ""))
        made = server.token_of(claims) if server.token_of else signed(server.key, claims)
        access = secrets.token_urlsafe(24)
        server.tokens += [made, access]
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 300, "scope": begun.get("scope", "")}
        return JSONResponse(answer | {"id_token": made} | server.context, headers={"Cache-Control": "no-store"})

    def known(request: Request, asked: dict[str, str]) -> bool:
        if server.client_secret is None:
            return asked.get("client_id") == server.client_id
        pair = base64.b64encode(f"{server.client_id}:{server.client_secret}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {pair}"

    def jwks(_: Request, __: dict[str, str]) -> Response:
        return JSONResponse({"keys": server.keys if server.keys is not None else [server.key.jwk()]})

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", guarded(metadata)),
            Route("/fhir/.well-known/smart-configuration", guarded(metadata)),
            Route("/authorize", guarded(authorize)),
            Route("/token", guarded(token), methods=["POST"]),
            Route("/jwks", guarded(jwks)),
        ]
    )


@contextmanager
def running() -> Iterator[IdentityServer]:
    """The server, answering until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = IdentityServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(_app(server), log_config=None, access_log=False, lifespan="off", ws="none")
        runs = uvicorn.Server(config)
        thread = threading.Thread(target=runs.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            runs.should_exit = True
            thread.join(10)

"""An organisation's own sign-in: a provider on this machine, honest or not."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from dashboard import openid, organisations, people
from dashboard.openid import NotTrusted
from dashboard.organisations import OWN, Post, Role
from dashboard.pages import Desk
from dashboard.typed import BadInput
from tests.dashboard.conftest import StoryClock, signed_in, stranger_at
from tests.dashboard.test_signing_in import COOKIE, door, told
from tests.dashboard.test_staffing import MAAN, ZON, link, office, town, works

__all__ = ["door", "office", "town"]

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]

KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})
STRANGE = RSAKey.generate_key(2048, parameters={"kid": "one"})
SECRET = "of-the-client"


@dataclass
class Provider:
    """A stand-in for a vendor's sign-in. It looks at what it is asked as a real one does."""

    wall: StoryClock
    port: int = 0
    claims: dict[str, Any] = field(default_factory=dict)  # in place of what is right
    sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
    issuer_said: str = ""
    asked: dict[str, str] = field(default_factory=dict)  # of the last browser that was sent here
    codes: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come(self, url: str) -> str:
        """Sign somebody in who was sent to `url`; return what they bring back."""
        self.asked = dict(parse_qsl(urlsplit(url).query))
        assert (self.asked["response_type"], self.asked["code_challenge_method"]) == ("code", "S256")
        self.codes.append("a-code")
        return f"/sign-in/with?code=a-code&state={self.asked['state']}"

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if path == "/.well-known/openid-configuration":
            places = {
                name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            }
            return 200, {"issuer": self.issuer_said or self.issuer, **places}
        if path == "/jwks_uri":
            return 200, {"keys": [KEY.as_dict(private=False)]}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        client = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        right = (form["code"] in self.codes, challenge.decode() == self.asked["code_challenge"])
        if not all(right) or client != f"nachtwacht:{SECRET}" or form["redirect_uri"] != self.asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        self.codes.remove(form["code"])
        now = int(self.wall.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": "nachtwacht",
            "sub": "0001",
            "iat": now,
            "exp": now + 300,
            "nonce": self.asked["nonce"],
            "preferred_username": "s.visser",
            "name": "Sanne Visser",
            **self.claims,
        }
        return 200, {"id_token": self.sign({name: value for name, value in claims.items() if value is not None})}


@pytest.fixture
def provider(wall: StoryClock) -> Iterator[Provider]:
    made = Provider(wall)

    class Line(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do({})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._do({name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()})

        def _do(self, form: dict[str, str]) -> None:
            status, said = made.answer(self.path, form, self.headers.get("Authorization", ""))
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Line) as server:
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def zon(town: Desk, provider: Provider) -> Desk:
    """Zon signs in by its own provider, where Sanne is `s.visser`; she works for Maan too."""
    openid.settle(
        town.people, ZON, issuer=provider.issuer, client_id="nachtwacht", secret=SECRET, claim="preferred_username"
    )
    sanne = works(town, "sanne", ZON, Role.CARE)
    organisations.appoint(town.people, sanne, MAAN, Role.MANAGER)
    openid.link(town.people, ZON, sanne, "S.Visser")
    return town


async def go(browser: httpx.AsyncClient, provider: Provider, more: str = "") -> httpx.Response:
    sent = await browser.get(f"/sign-in/with/zon{more}")
    assert sent.status_code == 303
    return await browser.get(provider.come(sent.headers["location"]))


async def test_somebody_comes_by_their_own_sign_in_and_is_there_for_that_organisation_alone(
    zon: Desk, provider: Provider, wall: StoryClock
) -> None:
    async with stranger_at(zon) as browser:
        assert "/sign-in/with/zon?to=/report" in (await browser.get("/sign-in?to=/report")).text
        done = await go(browser, provider, "?to=/report")
        assert done.status_code == 200  # a page of ours: a redirect from elsewhere carries no strict cookie
        assert 'content="0; url=/report"' in done.text
        session = people.session(zon.people, browser.cookies[COOKIE], wall.now())
        assert session is not None
        assert session.posts == {Post(ZON, Role.CARE)}
        assert (await browser.get("/")).status_code == 200
    assert ("signed-in", "session") in told(zon)


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "for another client": {"aud": "another"},
    "for several, and not ours to use": {"aud": ["nachtwacht", "another"], "azp": "another"},
    "ran out": {"exp": 1},
    "without an end": {"exp": None},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": None},
    "somebody who is not known here": {"sub": "0002", "preferred_username": "x.y"},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
async def test_a_token_that_is_not_for_us_now_opens_nothing(
    zon: Desk, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    async with stranger_at(zon) as browser:
        assert (await go(browser, provider)).status_code == 403
        assert COOKIE not in browser.cookies
    assert told(zon)[-1][0] == "tried"
    assert zon.people.execute("SELECT count(*) FROM staff").fetchone() == (1,)  # nobody is made by it


def _unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(one).encode() for one in ({"alg": "none"}, claims)]
    return b".".join([*(base64.urlsafe_b64encode(one).rstrip(b"=") for one in parts), b""]).decode()


FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "signed by another key": lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, STRANGE),
    "unsigned": _unsigned,
    "no token": lambda _: "no.token",
}


@pytest.mark.parametrize("sign", FORGED.values(), ids=FORGED)
async def test_a_token_that_the_provider_did_not_sign_opens_nothing(
    zon: Desk, provider: Provider, sign: Callable[[dict[str, Any]], str]
) -> None:
    provider.sign = sign
    async with stranger_at(zon) as browser:
        assert (await go(browser, provider)).status_code == 403


async def test_a_way_back_is_good_once_and_for_the_browser_that_began(
    zon: Desk, provider: Provider, wall: StoryClock
) -> None:
    async with stranger_at(zon) as thief, stranger_at(zon) as browser:
        back = provider.come((await browser.get("/sign-in/with/zon")).headers["location"])
        assert (await thief.get(back)).status_code == 403
        assert (await browser.get(back)).status_code == 200
        provider.codes.append("a-code")
        assert (await browser.get(back)).status_code == 403  # replayed
        late = provider.come((await browser.get("/sign-in/with/zon")).headers["location"])
        wall.wait(minutes=10)
        assert (await browser.get(late)).status_code == 403


async def test_a_provider_that_says_it_is_another_is_not_asked(zon: Desk, provider: Provider) -> None:
    provider.issuer_said = "https://elsewhere.example"
    async with stranger_at(zon) as browser:
        assert (await browser.get("/sign-in/with/zon")).status_code == 403
        assert (await browser.get("/sign-in/with/maan")).status_code == 404


async def test_a_name_that_is_given_to_somebody_else_over_there_is_nobodys_here(zon: Desk, provider: Provider) -> None:
    async with stranger_at(zon) as browser:
        assert (await go(browser, provider)).status_code == 200
    provider.claims = {"sub": "0009"}
    async with stranger_at(zon) as successor:
        assert (await go(successor, provider)).status_code == 403


async def test_who_is_invited_comes_by_their_own_sign_in_without_a_password(
    zon: Desk, provider: Provider, office: httpx.AsyncClient, wall: StoryClock
) -> None:
    path = await link(office, "care")
    provider.claims = {"sub": "0003", "preferred_username": "i.bos", "name": "Iris Bos"}
    async with stranger_at(zon) as browser:
        assert "/sign-in/with/zon?invitation=" in (await browser.get(path)).text
        token = path.rpartition("/")[2]
        assert (await go(browser, provider, f"?invitation={token}")).status_code == 200
        session = people.session(zon.people, browser.cookies[COOKIE], wall.now())
    assert session is not None
    assert (session.first_name, session.initials) == ("Iris", "IB")
    async with stranger_at(zon) as again:
        assert (await go(again, provider)).status_code == 200  # known from now on
        assert (await go(again, provider, f"?invitation={token}")).status_code == 200


async def test_an_administrator_links_an_identity_to_who_works_there_and_to_nobody_else(
    zon: Desk, office: httpx.AsyncClient
) -> None:
    kees, mo = works(zon, "kees", ZON, Role.CARE), works(zon, "mo", MAAN, Role.CARE)
    for staff, identity, expected in ((kees, "k.k", 303), (kees, "s.visser", 422), (mo, "m.m", 404)):
        answer = await office.post("/people/zon/identity", data={"staff": staff, "identity": identity})
        assert answer.status_code == expected
    async with signed_in(zon, works(zon, "max", MAAN, Role.ADMINISTRATOR)) as other:
        answer = await other.post("/people/zon/identity", data={"staff": kees, "identity": "x"})
        assert answer.status_code == 404


@pytest.mark.parametrize("issuer", ["http://login.example", "https://login.example?x", "login.example", "https://["])
async def test_an_issuer_that_cannot_be_trusted_is_not_kept(town: Desk, issuer: str) -> None:
    with pytest.raises(BadInput, match="issuer"):
        openid.settle(town.people, ZON, issuer=issuer, client_id="n", secret="s", claim="email")


async def test_who_was_linked_at_another_issuer_is_linked_no_more(zon: Desk, provider: Provider) -> None:
    openid.settle(zon.people, ZON, issuer="https://new.example", client_id="n", secret="s", claim=openid.CLAIM)
    assert openid.whose(zon.people, ZON, openid.Identity("0001", "s.visser", "")) is None
    assert openid.remove(zon.people, ZON)
    assert not openid.remove(zon.people, OWN)
    with pytest.raises(NotTrusted):
        openid.back(zon.people, "no-state", "no-browser", provider.wall.now() + timedelta(hours=1))

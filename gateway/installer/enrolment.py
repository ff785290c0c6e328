"""Enrolment from the gateway's side: a key of its own, a request to the centre, and the files of who it is.

The key is made here and stays here. It is kept before it is used, so that a request whose answer was lost is asked
again with the same key, and the centre answers with the same certificate (decision 0021).
"""

import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from care import certificates
from care.certificates import BadCertificate
from care.enrolment import ABOUT, AUTHORITY, KEYED, Admitted, Code, Identity, No, Refused, pin_of
from care.files import put
from care.language import mark
from care.link import is_here
from detectors.homes import SiteId

ANSWER_MAX = 100_000  # bytes
WITHIN_S = 20.0

WHY = {
    No.CODE: mark("The centre does not take this code. It may be used, run out, or of another building."),
    No.REQUEST: mark("The centre cannot read this request. Do both run the same version of Nachtwacht?"),
    No.TRIES: mark("Too many tries failed from here. Wait a quarter of an hour, and type the code with care."),
    No.CLOCK: mark("The clock here says {here}, the centre's says {there}. Set the clock: timedatectl set-ntp true."),
    No.PROOF: mark("The centre does not know this certificate. Ask for a code, and run: nachtwacht gateway enroll."),
    No.OVER: mark("The certificate has run out. Ask the centre for a code, and run: nachtwacht gateway enroll."),
    No.REVOKED: mark("The centre took this certificate back. Ask for a code if that is wrong."),
    No.CLOSED: mark("This centre enrols nobody: it runs without --authority."),
}


class NotEnrolled(Exception):
    """It did not work, and nothing was changed: a message with its values, to be translated."""

    def __init__(self, message: str, *, why: No | None = None, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message, self.values, self.why = message, values, why


class Centre(NamedTuple):
    """Where the centre is, and by what it is known."""

    url: str  # https://...
    authority: bytes  # PEM, that the code or a file vouches for


def known_by_code(url: str, code: Code) -> Centre:
    """Ask a centre for its authority, and hold that against the code. Raises `NotEnrolled`.

    Asked without knowing who answers: nothing that is secret is sent, and what does not fit the code is not taken.
    """
    expect_https(url)
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    said = _ask(urllib.request.Request(f"{url}/enrol/authority"), trusting)  # noqa: S310  # https, as expected above
    try:
        pem = msgspec.json.decode(said, type=dict[str, str])["authority"].encode()
        fits = pin_of(certificates.known(pem).fingerprint) == code.pin
    except (msgspec.DecodeError, KeyError, BadCertificate) as error:
        raise NotEnrolled(mark("{url} does not answer like a centre. Is the address right?"), url=url) from error
    if not fits:
        raise NotEnrolled(
            mark("{url} is not the centre that gave this code, or the code has a mistake. Nothing was sent."), url=url
        )
    return Centre(url, pem)


def enrol(folder: Path, centre: Centre, code: Code, site: SiteId, now: datetime) -> Identity:
    """Enrol this gateway for a building, and keep who it is in the folder. Raises `NotEnrolled` or `OSError`."""
    key = _key_under_way(folder, site)
    asked = certificates.request(key, site)
    try:
        admitted = _post(centre, "/enrol", {"asked": asked.decode(), "code": str(code)}, now)
    except NotEnrolled as refused:
        if refused.why in {No.REVOKED, No.OVER}:  # of a request long ago: the next one has another key
            _under_way(folder, site).unlink(missing_ok=True)
        raise
    return _keep(folder, centre, key, admitted, site=site, now=now)


def renew(folder: Path, now: datetime) -> Identity:
    """Ask for the next certificate with the present key, and put it in its place. Raises `NotEnrolled` or `OSError`."""
    about = identity(folder)
    present = (folder / KEYED).read_bytes()
    try:
        known = certificates.known(present)
        key = _key_under_way(folder, about.site)
        asked = certificates.request(key, about.site)
        proof = certificates.prove(present, asked, now)
    except BadCertificate as error:
        text = mark("{file} cannot be read: {fault} Ask for a code, and run: nachtwacht gateway enroll.")
        raise NotEnrolled(text, file=folder / KEYED, fault=error) from error
    centre = Centre(about.centre, (folder / AUTHORITY).read_bytes())
    form = {"asked": asked.decode(), "fingerprint": known.fingerprint, "at": now.isoformat(), "signature": proof.hex()}
    return _keep(folder, centre, key, _post(centre, "/enrol/renew", form, now), site=about.site, now=now)


def identity(folder: Path) -> Identity:
    """Return who this gateway is. Raises `NotEnrolled`."""
    try:
        return msgspec.json.decode((folder / ABOUT).read_bytes(), type=Identity)
    except (OSError, msgspec.DecodeError) as error:
        text = mark("{folder} holds no identity. Ask the centre for a code, and run: nachtwacht gateway enroll.")
        raise NotEnrolled(text, folder=folder) from error


def expect_https(url: str) -> None:
    """Raise `NotEnrolled` for an address at which others could listen."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here(parts.hostname or "")):
        raise NotEnrolled(mark("{url} is no https address. Write it like https://desk.example."), url=url)


def _under_way(folder: Path, site: SiteId) -> Path:
    return folder / f"next-{site}.key"


def _key_under_way(folder: Path, site: SiteId) -> bytes:
    """Return the key of a request that got no answer, or a new one, kept before it is used."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = _under_way(folder, site)
    try:
        there = file.read_bytes()
        certificates.request(there, "x")
    except (OSError, BadCertificate):
        there = certificates.new_key()
        put(file, there)
    return there


def _keep(folder: Path, centre: Centre, key: bytes, admitted: Admitted, *, site: SiteId, now: datetime) -> Identity:
    """Check what the centre answered, and put it in place; the file with key and certificate at once, and first."""
    certificate, authority = admitted.certificate.encode(), admitted.authority.encode()
    try:
        known = certificates.known(certificate)
        good = (
            admitted.site == site
            and known.name == site
            and certificates.fits(key, certificate)
            and certificates.signed_by(certificate, centre.authority)
            and certificates.known(authority).fingerprint == certificates.known(centre.authority).fingerprint
        )
    except BadCertificate:
        good = False
    if not good:
        raise NotEnrolled(
            mark("{url} answered with a certificate that is not right. Nothing was kept."), url=centre.url
        )
    about = Identity(
        site=site,
        centre=centre.url,
        broker=admitted.broker,
        valid_from=known.valid_from,
        valid_until=known.valid_until,
    )
    put(folder / AUTHORITY, centre.authority)
    put(folder / KEYED, key + certificate)
    put(folder / ABOUT, msgspec.json.encode(about))
    _under_way(folder, site).unlink(missing_ok=True)
    if now < known.valid_from:
        raise NotEnrolled(
            mark("Enrolled, but the clock here says {here}, before the certificate is valid ({since}). Set the clock."),
            here=_said(now),
            since=_said(known.valid_from),
        )
    return about


def _post(centre: Centre, path: str, form: Mapping[str, str], now: datetime) -> Admitted:
    expect_https(centre.url)
    trust = ssl.create_default_context()
    # The pages may have a certificate of the world's authorities, or of the centre's own.
    trust.load_verify_locations(cadata=centre.authority.decode())
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    body = urllib.parse.urlencode(form).encode()
    # What a browser says of a page of its own: the centre takes changes from nowhere else.
    asked = urllib.request.Request(f"{centre.url}{path}", body, {"Sec-Fetch-Site": "same-origin"})  # noqa: S310  # https
    said = _ask(asked, trust, now)
    try:
        return msgspec.json.decode(said, type=Admitted)
    except msgspec.DecodeError as error:
        text = mark("{url} does not answer like a centre. Is the address right?")
        raise NotEnrolled(text, url=centre.url) from error


def _ask(asked: urllib.request.Request, trust: ssl.SSLContext, now: datetime | None = None) -> bytes:
    """Ask, and return the answer. Raises `NotEnrolled` for a refusal, and for no answer."""
    url = f"{asked.type}://{asked.host}"
    opener = urllib.request.build_opener(_NoRedirect(), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(asked, timeout=WITHIN_S) as answer:
            said: bytes = answer.read(ANSWER_MAX)
            return said
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, error.code, error.read(ANSWER_MAX), now) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        if isinstance(why, ssl.SSLCertVerificationError):
            raise _not_who_it_says(url, why, now) from error
        text = mark("{url} does not answer: {fault}. The building can go on without it; enrol later.")
        raise NotEnrolled(text, url=url, fault=why) from error


def _refusal(url: str, status: int, said: bytes, now: datetime | None) -> NotEnrolled:
    try:
        refused = msgspec.json.decode(said, type=Refused)
    except msgspec.DecodeError:
        text = mark("{url} answered with an error ({status}). Is it the address of the centre?")
        return NotEnrolled(text, url=url, status=status)
    return NotEnrolled(
        WHY[refused.why], why=refused.why, here="" if now is None else _said(now), there=_said(refused.at)
    )


def _not_who_it_says(url: str, why: ssl.SSLCertVerificationError, now: datetime | None) -> NotEnrolled:
    if why.verify_code in _OF_CLOCKS:
        text = mark(
            "The certificate of {url} is not valid now, by the clock here ({here}). Set the clock, or tell the centre."
        )
        return NotEnrolled(text, url=url, here="" if now is None else _said(now))
    text = mark("{url} could not prove that it is the centre: {fault}. Nothing was sent.")
    return NotEnrolled(text, url=url, fault=why.verify_message)


_OF_CLOCKS = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (openssl verify(1))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A code is for whom it was typed for, and not for where that one points to."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

"""Certificates: an authority, what it signs for a gateway and for the centre, and what it has taken back.

Functions of PEM bytes and of moments; keys are EC P-256. For the centre and for commands: the daemon in the building
opens its files without knowing what is in them (pyproject.toml forbids it this module).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from care.enrolment import LIFE

AUTHORITY_LIVES = timedelta(days=20 * 365)
_BEFORE = timedelta(minutes=5)  # a clock that is a little behind takes a new certificate all the same
_HASH = hashes.SHA256()


class BadCertificate(ValueError):
    """What was given is no certificate, key or request of ours: a sentence."""


class Authority(NamedTuple):
    """Who signs."""

    certificate: bytes
    key: bytes


class Known(NamedTuple):
    """What a certificate says."""

    name: str  # its common name: a site, or the centre
    serial: int
    fingerprint: str  # SHA-256 of all of it, hexadecimal
    key: str  # SHA-256 of its public key
    valid_from: datetime
    valid_until: datetime


def new_key() -> bytes:
    """Return a new key, unencrypted: it is for a machine that starts by itself."""
    return _written(ec.generate_private_key(ec.SECP256R1()))


def new_authority(name: str, now: datetime) -> Authority:
    """Return an authority that signs its own certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        _builder(subject, key.public_key(), now, AUTHORITY_LIVES)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(made.sign(key, _HASH).public_bytes(serialization.Encoding.PEM), _written(key))


def request(key: bytes, name: str) -> bytes:
    """Return a request for a certificate of this name, signed by the key that it is for. Raises `BadCertificate`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(_key(key), _HASH)
    return made.public_bytes(serialization.Encoding.PEM)


def requested(pem: bytes) -> tuple[str, str]:
    """Return the name that a request asks for, and the SHA-256 of its key.

    Raises `BadCertificate` if it is none, is not signed by its own key, or that key is of another kind.
    """
    asked = _request(pem)
    return _name(asked.subject), _key_print(asked.public_key())


def sign_gateway(authority: Authority, asked: bytes, site: str, now: datetime, lives: timedelta = LIFE) -> bytes:
    """Return the certificate of a gateway. Of a request nothing is taken over but its key. Raises `BadCertificate`."""
    places = [x509.DNSName(site)]
    return _signed(
        authority, _request(asked), site, places, purpose=ExtendedKeyUsageOID.CLIENT_AUTH, now=now, lives=lives
    )


def sign_server(authority: Authority, asked: bytes, names: Sequence[str], now: datetime) -> bytes:
    """Return the certificate of a server that is reached under these names and addresses. Raises `BadCertificate`."""
    places = [_place(name) for name in names]
    return _signed(authority, _request(asked), names[0], places, purpose=ExtendedKeyUsageOID.SERVER_AUTH, now=now)


def known(pem: bytes) -> Known:
    """Return what a certificate says. Raises `BadCertificate`."""
    found = _certificate(pem)
    return Known(
        _name(found.subject),
        found.serial_number,
        found.fingerprint(_HASH).hex(),
        _key_print(found.public_key()),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
    )


def ends(pem: bytes) -> datetime:
    """Return until when a certificate is good, whoever signed it, and whatever its key. Raises `BadCertificate`."""
    return _certificate(pem).not_valid_after_utc


def signed_by(pem: bytes, authority: bytes) -> bool:
    """Whether a certificate was signed by an authority. Raises `BadCertificate`."""
    try:
        _certificate(pem).verify_directly_issued_by(_certificate(authority))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def fits(key: bytes, certificate: bytes) -> bool:
    """Whether a certificate is for this key. Raises `BadCertificate`."""
    return _key_print(_key(key).public_key()) == known(certificate).key


def prove(key: bytes, asked: bytes, at: datetime) -> bytes:
    """Return the signature by which the owner of a present certificate asks for the next. Raises `BadCertificate`."""
    return _key(key).sign(_to_prove(asked, at), ec.ECDSA(_HASH))


def proven(certificate: bytes, asked: bytes, at: datetime, signature: bytes) -> bool:
    """Whether a request, made at a moment, was signed by the key of this certificate. Raises `BadCertificate`."""
    public = _certificate(certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    try:
        public.verify(signature, _to_prove(asked, at), ec.ECDSA(_HASH))
    except InvalidSignature:
        return False
    return True


def revocations(authority: Authority, taken_back: Iterable[tuple[int, datetime]], now: datetime) -> bytes:
    """Return the list of what was taken back, by serial number. It is good until the authority ends (decision 0021)."""
    issuer = _certificate(authority.certificate)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now)
        .next_update(issuer.not_valid_after_utc)
    )
    for serial, at in taken_back:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        made = made.add_revoked_certificate(one)
    return made.sign(_key(authority.key), _HASH).public_bytes(serialization.Encoding.PEM)


def listed_at(pem: bytes) -> datetime:
    """Return when a list of what was taken back was made. Raises `BadCertificate`."""
    try:
        return x509.load_pem_x509_crl(pem).last_update_utc
    except (ValueError, TypeError) as error:
        raise BadCertificate("This is no list of what was taken back.") from error


def _signed(
    authority: Authority,
    asked: x509.CertificateSigningRequest,
    name: str,
    places: Sequence[x509.GeneralName],
    *,
    purpose: x509.ObjectIdentifier,
    now: datetime,
    lives: timedelta = LIFE,
) -> bytes:
    issuer, key = _certificate(authority.certificate), _key(authority.key)
    public = asked.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        _builder(subject, public, now, lives)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_others=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return made.sign(key, _HASH).public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, lives: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + lives)
    )


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _place(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise BadCertificate(f"{name!r} is no name of a machine. Write it like broker.example.") from error


def _request(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        asked = x509.load_pem_x509_csr(pem)
        good = asked.is_signature_valid
        _key_print(asked.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadCertificate("This is no request for a certificate with a key of EC P-256.") from error
    if not good:
        raise BadCertificate("This request was not signed by the key that it is for.")
    return asked


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadCertificate("This is no certificate in PEM.") from error


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadCertificate("This is no key in PEM.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate("This is no key of EC P-256.")
    return key


def _key_print(public: object) -> str:
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise BadCertificate("This is no key of EC P-256.")
    digest = hashes.Hash(_HASH)
    digest.update(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def _name(subject: x509.Name) -> str:
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise BadCertificate("This names nobody, or more than one.")
    return str(names[0].value)


def _to_prove(asked: bytes, at: datetime) -> bytes:
    return b"nachtwacht renews\n" + at.astimezone(UTC).isoformat().encode() + b"\n" + asked


def _written(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

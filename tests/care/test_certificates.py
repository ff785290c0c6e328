"""What an authority signs, and what it does not; codes as people type them."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from care import certificates
from care.certificates import Authority, BadCertificate
from care.enrolment import BadCode, Code, Identity, code_of, kept, new_code, pin_of
from detectors.homes import SiteId

NOW = datetime(2026, 3, 3, 1, tzinfo=UTC)
SIGNS = certificates.new_authority("Nachtwacht", NOW)
KEY = certificates.new_key()
ASKED = certificates.request(KEY, "wilg")
SIGNED = certificates.sign_gateway(SIGNS, ASKED, "wilg", NOW)


def test_a_gateways_certificate_says_who_it_is_and_is_good_for_nothing_else() -> None:
    found = x509.load_pem_x509_certificate(SIGNED)
    purposes = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    said = certificates.known(SIGNED)
    assert said.name == "wilg"
    assert said.valid_from < NOW
    assert said.valid_until == NOW + timedelta(days=365)
    assert certificates.fits(KEY, SIGNED)
    assert certificates.signed_by(SIGNED, SIGNS.certificate)
    assert not certificates.signed_by(SIGNED, certificates.new_authority("Nachtwacht", NOW).certificate)


def test_of_a_request_only_the_key_is_taken_over() -> None:
    """Whoever asks to be an authority, or another building, becomes what the centre says."""
    key = ec.generate_private_key(ec.SECP256R1())
    asked = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "eik")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("centre")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificates.sign_gateway(SIGNS, asked.public_bytes(serialization.Encoding.PEM), "wilg", NOW)
    found = x509.load_pem_x509_certificate(pem)
    assert certificates.known(pem).name == "wilg"
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["wilg"]


def _request_with(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *names: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "asked",
    [
        _request_with(rsa.generate_private_key(65_537, 2048), "wilg"),
        _request_with(ec.generate_private_key(ec.SECP384R1()), "wilg"),
        _request_with(ec.generate_private_key(ec.SECP256R1())),
        _request_with(ec.generate_private_key(ec.SECP256R1()), "wilg", "eik"),
        ASKED[:200],
        SIGNED,
        b"",
    ],
    ids=["rsa", "another curve", "nobody", "two names", "half", "a certificate", "nothing"],
)
def test_what_is_no_request_of_ours_is_refused(asked: bytes) -> None:
    with pytest.raises(BadCertificate):
        certificates.requested(asked)


def test_a_request_that_another_key_signed_is_refused() -> None:
    der = bytearray(x509.load_pem_x509_csr(ASKED).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(BadCertificate):
        certificates.requested(broken)


@given(st.binary(max_size=300))
def test_whatever_is_read_as_a_certificate_is_one_or_refused(noise: bytes) -> None:
    for read in (certificates.known, certificates.requested, certificates.listed_at):
        with pytest.raises(BadCertificate):
            read(noise)


def test_a_renewal_is_proven_by_the_present_key_for_this_request_at_this_moment() -> None:
    proof = certificates.prove(KEY, ASKED, NOW)
    assert certificates.proven(SIGNED, ASKED, NOW, proof)
    other = certificates.request(certificates.new_key(), "wilg")
    assert not certificates.proven(SIGNED, other, NOW, proof)
    assert not certificates.proven(SIGNED, ASKED, NOW + timedelta(seconds=1), proof)
    assert not certificates.proven(SIGNED, ASKED, NOW, certificates.prove(certificates.new_key(), ASKED, NOW))
    assert not certificates.proven(SIGNED, ASKED, NOW, b"")


def test_a_list_of_what_was_taken_back_holds_it_and_outlives_every_certificate() -> None:
    serial = certificates.known(SIGNED).serial
    pem = certificates.revocations(SIGNS, [(serial, NOW)], NOW)
    found = x509.load_pem_x509_crl(pem)
    assert [one.serial_number for one in found] == [serial]
    assert found.is_signature_valid(x509.load_pem_x509_certificate(SIGNS.certificate).public_key())  # type: ignore[arg-type]
    assert found.next_update_utc == certificates.known(SIGNS.certificate).valid_until
    assert certificates.listed_at(pem) == NOW


def test_a_servers_certificate_is_for_its_names_and_addresses() -> None:
    pem = certificates.sign_server(SIGNS, ASKED, ["mqtt.example", "127.0.0.1"], NOW)
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    with pytest.raises(BadCertificate):
        certificates.sign_server(SIGNS, ASKED, ["mqtt.exämple"], NOW)


def test_a_key_that_is_none_signs_nothing() -> None:
    with pytest.raises(BadCertificate):
        certificates.sign_gateway(Authority(SIGNS.certificate, b"no key"), ASKED, "wilg", NOW)


# Codes.

FINGERPRINT = certificates.known(SIGNS.certificate).fingerprint


def test_two_codes_of_one_centre_share_only_what_it_is_known_by() -> None:
    first, second = new_code(FINGERPRINT), new_code(FINGERPRINT)
    assert first.pin == second.pin == pin_of(FINGERPRINT)
    assert first.secret != second.secret
    assert first.secret not in kept(first.secret).decode(errors="replace")


@given(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.data())
def test_a_code_is_read_however_it_is_typed(fingerprint: str, data: st.DataObject) -> None:
    code = new_code(fingerprint)
    typed = str(code)
    if data.draw(st.booleans()):
        typed = typed.upper().replace("0", "O").replace("1", data.draw(st.sampled_from("IL")))
    if data.draw(st.booleans()):
        typed = f" {typed.replace('-', data.draw(st.sampled_from(['', ' ', '--'])))}\n"
    assert code_of(typed) == code


@given(st.text(max_size=60))
def test_what_is_no_code_is_refused(text: str) -> None:
    with contextlib.suppress(BadCode):
        found = code_of(text)
        assert isinstance(found, Code)
        assert code_of(str(found)) == found


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left() -> None:
    about = Identity(site=SiteId("wilg"), centre="", broker="", valid_from=NOW, valid_until=NOW + timedelta(days=300))
    assert about.renews_at() == NOW + timedelta(days=200)

"""Ed25519 (RFC 8032): what a gateway has signed, and whether it did. For commands and the desk, not for a daemon."""

# The library is imported when it is asked for: records of proofs are read by a daemon that has no use for it.


def genuine(key: str, said: bytes, signature: bytes) -> bool:
    """Whether `said` was signed by whoever holds the private part of a key: its 32 bytes in hexadecimal."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, said)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_of(private: bytes) -> str:
    """Return the public part of a private key of 32 bytes, as `genuine` takes it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def signed(private: bytes, said: bytes) -> bytes:
    """Return the signature of 64 bytes under something."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).sign(said)

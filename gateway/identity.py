"""Who this gateway is: the files of its enrolment as the daemon opens them, and what is wrong with them in a sentence.

The daemon reads no certificate. Key and certificate are one file for the TLS of Python, and what there is to know of
them stands beside it (`care.enrolment.Identity`).
"""

import ssl
from datetime import datetime
from pathlib import Path

import msgspec

from care.enrolment import ABOUT, AUTHORITY, KEYED, Identity

_MINUTES = "%Y-%m-%d %H:%M UTC"


class Papers:
    """The folder of an identity. It may be empty yet: enrolling can be done later than everything else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._context: ssl.SSLContext | None = None

    def about(self) -> Identity | None:
        """Return what is known of the enrolment, or None before there is one."""
        try:
            return msgspec.json.decode((self.folder / ABOUT).read_bytes(), type=Identity)
        except (OSError, msgspec.DecodeError):
            return None

    def context(self) -> ssl.SSLContext:
        """Return with what the centre's broker is spoken to. Raises `OSError` when the files are not there, or no good.

        Always the same one: `refresh` gives it the files of today.
        """
        if self._context is None:
            made = ssl.create_default_context(cafile=str(self.folder / AUTHORITY))  # and no other authority
            made.minimum_version = ssl.TLSVersion.TLSv1_2
            made.load_cert_chain(self.folder / KEYED)
            self._context = made
        return self._context

    def refresh(self) -> None:
        """Take what a renewal has put there, for the next connection. Raises `OSError`; the present files stay then."""
        self.context().load_cert_chain(self.folder / KEYED)

    def trouble(self, now: datetime, refused: str = "") -> str:
        """Return what keeps this gateway from its centre, and what to do; empty when nothing is known.

        `refused` is what the last connection ended with.
        """
        about = self.about()
        if about is None:
            return (
                f"Not enrolled: there is no certificate in {self.folder}. The building watches, and the centre does "
                "not hear it. Ask the centre for a code, and run: nachtwacht gateway enroll."
            )
        if now < about.valid_from:
            return (
                f"The clock of this gateway says {now:{_MINUTES}}, and its certificate is valid from "
                f"{about.valid_from:{_MINUTES}}. Set the clock: timedatectl set-ntp true."
            )
        if now >= about.valid_until:
            return (
                f"The certificate ran out on {about.valid_until:{_MINUTES}}, by a clock that says {now:{_MINUTES}}. "
                "If the clock is right, ask the centre for a code, and run: nachtwacht gateway enroll."
            )
        said = refused.lower()
        if "revoked" in said:
            return (
                "The centre has taken this certificate back. If this is the right gateway, ask for a code, and run: "
                "nachtwacht gateway enroll."
            )
        if "certificate verify failed" in said:
            return f"{about.broker} could not prove that it is the centre's broker ({refused}). Nothing was sent to it."
        return ""

"""E-mail as a channel: to the organisation's own server, which says of each letter whether it took it (RFC 5321).

Never in plain text but to this very machine: a link by which somebody can answer is nobody else's business.
"""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from care.asking import Refusal
from care.letters import Letter, Receipt
from care.link import is_here
from care.notices import with_link
from dashboard.typed import BadInput

SCHEMES = frozenset({"smtp", "smtps"})
WITHIN_S = 12.0
GOODBYE_S = 1.0
SUBJECT = "Nachtwacht"  # stands on a lock screen too

_EXAMPLE = "Write it as smtp://USER:PASSWORD@mail.example:587?from=nachtwacht@zorg.example, or smtps:// for port 465."
_LATER = range(400, 500)  # try again later: RFC 5321, 4.2.1


@dataclass(frozen=True, slots=True)
class Server:
    """The server that takes our mail."""

    host: str
    port: int
    sender: str  # address
    user: str = ""
    password: str = field(default="", repr=False)
    tls_first: bool = False  # smtps: TLS before the first word; else STARTTLS (RFC 8314, 3)


def server_of(url: str) -> Server:
    """Read the URL of a mail channel. Raises `BadInput` with what would be right."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInput(f"That is no mail server. {_EXAMPLE}") from error
    sender = parse_qs(parts.query).get("from", [""])[0]
    if parts.scheme not in SCHEMES or not parts.hostname or not is_address(sender):
        raise BadInput(f"That is no mail server, or nobody whom its mail is from. {_EXAMPLE}")
    tls_first = parts.scheme == "smtps"
    return Server(
        host=parts.hostname,
        port=port or (465 if tls_first else 587),
        sender=sender,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls_first=tls_first,
    )


def is_address(text: str) -> bool:
    r"""Whether text can be an address of one person: no list, no header in it.

    >>> is_address("fatima@example.org"), is_address("a@b.nl\nBcc: c@d.nl"), is_address("a@b.nl,c@d.nl")
    (True, False, False)
    """
    name, _, host = text.rpartition("@")
    odd = any(letter in ' ,;:<>()[]\\"' for letter in text)
    return bool(name and host) and text.isascii() and text.isprintable() and not odd and "@" not in name


def send(url: str, address: str, letter: Letter) -> Receipt:
    """Hand one letter to the mail server. Waits for the network: for a thread of its own.

    Raises `OSError` if there is no server, or it speaks no TLS.
    """
    if not is_address(address):
        return Receipt(Refusal.NO_ADDRESS)
    server = server_of(url)
    smtp = _session(server)
    try:
        if server.user:
            smtp.login(server.user, server.password)
        return _handed_over(smtp, _message(server, address, letter))
    except smtplib.SMTPException:
        return Receipt(Refusal.REFUSED)
    finally:
        _leave(smtp)


def _handed_over(smtp: smtplib.SMTP, message: EmailMessage) -> Receipt:
    """Return what a server said of a letter; it may have taken one about which it says nothing (RFC 1047)."""
    try:
        smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _),) = error.recipients.values()
        # A full mailbox may have room in a while; one that is not there is no fault of the channel.
        return Receipt(Refusal.REFUSED if code in _LATER else Refusal.GONE)
    except (smtplib.SMTPServerDisconnected, OSError):
        return Receipt(Refusal.NO_ANSWER)
    return Receipt()


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye; whatever the server says to that changes nothing of what it took."""
    with suppress(smtplib.SMTPException, OSError):
        if smtp.sock is not None:
            smtp.sock.settimeout(GOODBYE_S)
            smtp.quit()
    smtp.close()


def _session(server: Server) -> smtplib.SMTP:
    if server.tls_first:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=WITHIN_S, context=_tls())
    smtp = smtplib.SMTP(server.host, server.port, timeout=WITHIN_S)
    try:
        if not is_here(server.host):
            smtp.starttls(context=_tls())
    except BaseException:
        smtp.close()
        raise
    return smtp


def _message(server: Server, address: str, letter: Letter) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = server.sender, address, SUBJECT
    message["Message-ID"] = f"<{letter.once}@{server.sender.rpartition('@')[2]}>"  # twice the same letter is one
    message["Auto-Submitted"] = "auto-generated"  # nobody's holiday answers it (RFC 3834)
    message.set_content(with_link(letter) + "\n")
    return message


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()

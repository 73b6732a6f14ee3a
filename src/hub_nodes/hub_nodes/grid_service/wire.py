"""The way to the utility's server: TLS of both ends, bounded answers, and failures in words."""
import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import aiohttp
from cryptography import x509

ANSWER_MAX = 2 ** 20        # of an answer's body [byte]
TIMEOUT = aiohttp.ClientTimeout(total=20.0, connect=8.0)


class LinkError(Exception):
    """The server cannot be used now. lasting : it will not come right by itself (a certificate, a refusal)"""

    def __init__(self, reason: str, lasting: bool = False, status: int = 0) -> None:
        super().__init__(reason)
        self.lasting, self.status = lasting, status


@dataclass(frozen=True)
class Heard:
    """What a poll brought.

    events : that can be used     listed : ids of all events there are, None = not told     refused : in words
    """

    events: tuple = ()
    listed: tuple[str, ...] | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What the meter shows against the baseline now; NaN = not known. [W]"""

    time: float
    power: float
    baseline: float


@dataclass(frozen=True)
class Outcome:
    """What an event that is over brought, a value a quarter hour from `start` [s]; NaN = not known. [W]"""

    event: str
    start: float
    measured: tuple[float, ...] = field(default=())
    baseline: tuple[float, ...] = field(default=())


def tls(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    """Return the TLS settings of the home's end. LinkError when a file cannot be used or has expired."""
    try:
        context = ssl.create_default_context(cafile=authority or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate:
            left = lifetime(certificate)
            if left <= 0:
                raise LinkError(f'the certificate of the home expired {-left / 86400:.0f} days ago', lasting=True)
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:      # SSLError is an OSError
        raise LinkError(f'a certificate, key or authority cannot be used: {error}', lasting=True) from None
    return context


def lifetime(certificate: str) -> float:
    """Return how long a certificate (PEM file) is still valid. OSError or ValueError when it is none. [s]"""
    made = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
    return (made.not_valid_after_utc - datetime.now(timezone.utc)).total_seconds()


class Http:
    """Requests with a bounded answer. One an event loop; `close` at the end."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context if context else True, limit=2), timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar())

    async def request(self, method: str, url: str, **options) -> bytes:
        """Return the body of a 2xx answer. LinkError otherwise, or when it is longer than a mebibyte."""
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as answer:
                body = bytearray()
                async for piece in answer.content.iter_chunked(65_536):
                    body += piece
                    if len(body) > ANSWER_MAX:
                        raise LinkError(f'an answer of more than {ANSWER_MAX} bytes')
                if not 200 <= answer.status < 300:
                    raise LinkError(f'it answered {answer.status} {answer.reason}', 400 <= answer.status < 500,
                                    answer.status)
                return bytes(body)
        except (aiohttp.ClientError, asyncio.TimeoutError, ssl.SSLError, OSError, ValueError) as error:
            raise describe(error) from None

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()


def describe(error: Exception) -> LinkError:
    """Return what went wrong on the wire, in words."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, 'verify_message', '') or error.certificate_error
        return LinkError(f'its certificate is not accepted: {why}', lasting=True)
    if 'ALERT' in str(error).upper() and 'CERT' in str(error).upper():
        return LinkError('it does not accept the certificate of the home', lasting=True)
    if isinstance(error, asyncio.TimeoutError):
        return LinkError('it does not answer')
    if isinstance(error, aiohttp.ClientConnectorError):
        return LinkError(f'it cannot be reached: {error.os_error.strerror or error.os_error}')
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError)):
        return LinkError('it broke the connection')
    return LinkError(f'{type(error).__name__}: {str(error)[:160]}')

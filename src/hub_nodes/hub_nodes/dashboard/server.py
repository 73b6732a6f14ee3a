"""The web server in a thread of its own, and who may reach it."""
import ipaddress
import logging
import socket
import ssl
import threading

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL_NAMES = frozenset({'localhost', '127.0.0.1', '::1'})
GRACE = 1     # given to open connections at the end [s]
LIMIT = 6.0   # for stopping: less than whoever ends the process waits [s]
BACKLOG = 64
WORD_MAX = 1_000_000  # of a browser over the WebSocket [byte]
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
          "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
          "base-uri 'self'; form-action 'self'; frame-ancestors 'none'")
HEADERS = ((b'content-security-policy', POLICY.encode()), (b'x-content-type-options', b'nosniff'),
           (b'referrer-policy', b'same-origin'), (b'x-frame-options', b'DENY'),
           (b'cross-origin-opener-policy', b'same-origin'), (b'cross-origin-resource-policy', b'same-origin'),
           (b'permissions-policy', b'camera=(), microphone=(), geolocation=()'))


def is_loopback(host: str) -> bool:
    """Return whether `host` is reached from this machine only."""
    if host in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, allow_remote: bool) -> socket.socket:
    """Return a listening socket; port 0 takes any free one. ValueError, for people, when that may not or cannot be."""
    if not allow_remote and not is_loopback(host):
        raise ValueError(f'host {host} would let the network in; to do so make a user (hearthgrid user add) and set '
                         'allow_remote')
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.socket(found[0], socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(found[4])
            made.listen(BACKLOG)  # who comes before the server is up waits
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise ValueError(f'the page cannot be at {host}:{port}: {error.strerror or error}; '
                         'choose another with parameter port (0 = any free one)') from None
    return made


def check_certificate(certificate: str, key: str) -> None:
    """Raise ValueError, for people, when these files are no certificate and its key; empty = none is used."""
    if not certificate and not key:
        return
    if not certificate or not key:
        raise ValueError('certificate and certificate_key go together: both, or none')
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b'')
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f'certificate {certificate} with key {key}: {error.strerror or error}') from None


class Gate:
    """Lets in what a page of this home sent, and keeps out other sites that a person's browser happens to show.

    Without `allow_remote` the Host must be this machine (a foreign name that resolves here is refused), and a request
    that says which page it comes from must come from this one: the WebSocket of the page switches relays.
    """

    def __init__(self, app: ASGIApp, allow_remote: bool) -> None:
        self._app, self._allow_remote = app, allow_remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] not in ('http', 'websocket'):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode('latin-1') for name, value in scope['headers'] if name in (b'host', b'origin')}
        if not self.admits(headers.get(b'host', ''), headers.get(b'origin')):
            if scope['type'] == 'websocket':
                await send({'type': 'websocket.close', 'code': 1008})
            else:
                await PlainTextResponse('This page is for this machine only.\n', 403)(scope, receive, send)
            return

        async def send_with_headers(message) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message.get('headers', ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def admits(self, host: str, origin: str | None) -> bool:
        """Return whether a request with these headers may pass."""
        name = host.rsplit(':', 1)[0] if not host.endswith(']') else host
        if not self._allow_remote and not is_loopback(name.strip('[]')):
            return False
        return origin is None or origin.split('://', 1)[-1] == host


class WebServer:
    """Serves an application on a socket until stopped; over HTTPS with the files of a certificate and its key."""

    def __init__(self, app: ASGIApp, listener: socket.socket, certificate: str = '', key: str = '') -> None:
        self._listener = listener
        self._scheme = 'https' if certificate else 'http'
        check_certificate(certificate, key)
        self.host, self.port = listener.getsockname()[:2]
        config = uvicorn.Config(app, log_level='warning', access_log=False, server_header=False, log_config=None,
                                timeout_graceful_shutdown=GRACE, proxy_headers=False, ws_max_size=WORD_MAX,
                                ssl_certfile=certificate or None, ssl_keyfile=key or None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name='dashboard web', daemon=True)

    @property
    def url(self) -> str:
        """Where a person finds the page."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{self._scheme}://{"127.0.0.1" if host in ("0.0.0.0", "[::]") else host}:{self.port}/'

    def _serve(self) -> None:
        logging.getLogger('uvicorn.error').addFilter(_not_the_grace)
        self._server.run(sockets=[self._listener])

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def alive(self) -> bool:
        """Whether the server's thread runs."""
        return self._thread.is_alive()

    def stop(self) -> bool:
        """Stop serving; return whether it ended in time."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(LIMIT)
        self._listener.close()
        return not self._thread.is_alive()


def _not_the_grace(record: logging.LogRecord) -> bool:
    """Drop the message that open pages were cut off at the end: that is what the grace is for."""
    return 'timeout graceful shutdown exceeded' not in record.getMessage()

"""The door behind the gate: who has not logged in gets no further than the login."""
import json
from urllib.parse import quote

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_nodes.dashboard.access import Access
from hub_nodes.dashboard.who import Who

WHO = 'hearthgrid.who'  # in the scope of everything that passed
FREE = ('/login', '/setup', '/api/health', '/favicon.ico')
STATIC = '/hearthgrid/'
SAFE = ('GET', 'HEAD', 'OPTIONS')
BODY_MAX = 1_000_000  # [byte]
PROXIES = ('x-forwarded-for', 'forwarded', 'x-real-ip', 'via')
LOOPBACK = ('127.0.0.1', '::1')


def problem(status: int, title: str, detail: str = '', **headers: str) -> Response:
    """Return an error as RFC 9457 has it."""
    body = {'type': 'about:blank', 'title': title, 'status': status} | ({'detail': detail} if detail else {})
    return Response(json.dumps(body), status, media_type='application/problem+json',
                    headers={name.replace('_', '-'): value for name, value in headers.items()})


def headers_of(scope: Scope) -> dict[str, str]:
    """Return a request's headers, names in lower case."""
    return {name.decode('latin-1'): value.decode('latin-1') for name, value in scope['headers']}


class Door:
    """Puts who asks into the scope, or answers in place of the application."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] not in ('http', 'websocket'):
            await self._app(scope, receive, send)
            return
        headers, path = headers_of(scope), scope['path']
        who = self._who(scope, headers, path)
        if scope['type'] == 'websocket':
            if who is None:
                await send({'type': 'websocket.close', 'code': 1008})
                return
        else:
            refusal = self._refusal(scope['method'], headers, path, who, scope.get('query_string', b''))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app({**scope, WHO: who}, _bounded(receive), _uncached(send, path))

    def _who(self, scope: Scope, headers: dict[str, str], path: str) -> Who | None:
        who = self._access.who(headers, path)
        near = scope.get('client') and scope['client'][0] in LOOPBACK and not any(name in headers for name in PROXIES)
        if who is not None and not who.name and not near:
            return None  # nobody logged in, and not at this machine
        if who is None and path == '/metrics' and near and not self._access.remote:
            return Who('', 'read', 'api')
        return who

    def _refusal(self, method: str, headers: dict[str, str], path: str, who: Who | None, query: bytes):
        length = headers.get('content-length', '0')
        if not length.isdigit() or int(length[:9]) > BODY_MAX or len(length) > 9:
            return problem(413, 'Content Too Large', f'at most {BODY_MAX} bytes')
        if who is None and path not in FREE and not path.startswith(STATIC):
            if path.startswith('/api/') or path == '/metrics':
                return problem(401, 'Unauthorized', 'a token (Authorization: Bearer …) or a login is needed',
                               www_authenticate='Bearer')
            if method not in SAFE:
                return PlainTextResponse('Log in first.\n', 401)
            asked = quote(path + (f'?{query.decode("latin-1")}' if query else ''), safe='')
            return RedirectResponse('/login' if path == '/' else f'/login?next={asked}', 303)
        if who is not None and who.session and method not in SAFE and 'origin' not in headers:
            # The gate compares Origin; here a browser that sends none may not use its cookie for a change.
            return problem(403, 'Forbidden', 'a change by cookie has to say which page it comes from (Origin)')
        return None


def _bounded(receive: Receive) -> Receive:
    """Return `receive` that ends a body longer than is allowed, as if its sender had gone."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        if message['type'] == 'http.request':
            size += len(message.get('body', b''))
            if size > BODY_MAX:
                return {'type': 'http.disconnect'}
        return message
    return bounded


def _uncached(send: Send, path: str) -> Send:
    """Return `send` that forbids keeping what only this person may see."""
    if path.startswith((STATIC, '/_nicegui/')):
        return send

    async def uncached(message: Message) -> None:
        if message['type'] == 'http.response.start' and not any(
                name.lower() == b'cache-control' for name, _ in message.get('headers', ())):
            message['headers'] = [*message.get('headers', ()), (b'cache-control', b'no-store')]
        await send(message)
    return uncached

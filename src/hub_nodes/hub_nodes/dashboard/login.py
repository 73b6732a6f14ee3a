"""Login, logout and the first user: plain pages without a script, so that they need nothing else of the site."""
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import ClientDisconnect

from hub_nodes.dashboard.access import Access, Login
from hub_nodes.dashboard.door import WHO
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.users import PASSWORD_MIN

FORM_MAX = 8192  # [byte]
POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
FRAME = '''<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Hearthgrid</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/hearthgrid/style.css">
</head><body><main class="door"><section class="card"><h1>{title}</h1>{note}
<form method="post" action="{action}">{fields}<button class="button" type="submit">{title}</button></form>{after}
</section></main></body></html>'''
FIELD = ('<label class="field"><span>{text}</span><input name="{name}" type="{type}" required maxlength="256" '
         'autocomplete="{complete}" value="{value}"{more}></label>')


def add_routes(app: FastAPI, access: Callable[[], Access]) -> None:
    """Add /login, /logout and /setup to the application."""

    @app.get('/login', include_in_schema=False)
    def _ask(request: Request) -> Response:
        if request.scope.get(WHO) is not None:
            return RedirectResponse(inside(request.query_params.get('next', '')), 303)
        return _login_page('', inside(request.query_params.get('next', '')))

    @app.post('/login', include_in_schema=False)
    async def _login(request: Request) -> Response:
        said = await _form(request)
        made = await run_in_threadpool(access().login, said('name'), said('password'), _address(request))
        target = inside(said('next'))
        return _entered(made, target, access()) if made.cookie else _login_page(made.text, target, made, said('name'))

    @app.post('/logout', include_in_schema=False)
    def _logout(request: Request) -> Response:
        access().logout(request.scope[WHO])
        answer = RedirectResponse('/login', 303)
        answer.delete_cookie(access().cookie_name, path='/', secure=access().secure, httponly=True, samesite='lax')
        return answer

    @app.get('/setup', include_in_schema=False)
    def _offer(request: Request) -> Response:
        if request.scope.get(WHO) is None or not access().open():
            return RedirectResponse('/', 303)
        return _setup_page('', access().users.keeps)

    @app.post('/setup', include_in_schema=False)
    async def _setup(request: Request) -> Response:
        said = await _form(request)
        if request.scope.get(WHO) is None or not access().open():
            return RedirectResponse('/', 303)
        if said('password') != said('again'):
            return _setup_page('The two passwords differ.', True, said('name'))
        try:
            made = await run_in_threadpool(access().first, said('name'), said('password'), _address(request))
        except Refused as refusal:
            return _setup_page(f'{str(refusal)[:1].upper()}{str(refusal)[1:]}.', access().users.keeps, said('name'))
        return _entered(made, '/', access())


def inside(target: str) -> str:
    """Return a place of this site to go to after the login; anything else becomes the overview."""
    fine = target.startswith('/') and not target.startswith(('//', '/\\', '/login')) and target.isprintable() and (
        '\\' not in target)
    return quote(target, safe="/?=&%:@!$'()*+,;~-._") if fine else '/'


def _address(request: Request) -> str:
    return request.client.host if request.client else ''


async def _form(request: Request) -> Callable[[str], str]:
    """Return a function that gives the fields of a form; a form that is no form has none."""
    body = b''
    try:
        async for part in request.stream():
            body += part
            if len(body) > FORM_MAX:
                return lambda name: ''
    except ClientDisconnect:
        return lambda name: ''
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=16, errors='strict')
    except ValueError:
        return lambda name: ''
    return lambda name: fields.get(name, [''])[0]


def _entered(made: Login, target: str, access: Access) -> Response:
    answer = RedirectResponse(target, 303)
    answer.set_cookie(access.cookie_name, made.cookie, path='/', secure=access.secure, httponly=True, samesite='lax')
    return answer


def _page(title: str, action: str, fields: str, status: int, text: str, note: str = '', after: str = '',
          **headers: str) -> Response:
    told = f'<p class="refusal" role="alert">{escape(text)}</p>' if text else ''
    return HTMLResponse(FRAME.format(title=title, action=action, fields=fields, note=note + told, after=after), status,
                        {'content-security-policy': POLICY, **headers})


def _login_page(text: str, target: str, made: Login | None = None, name: str = '') -> Response:
    more = ' autofocus autocapitalize="none" spellcheck="false"'
    fields = (FIELD.format(text='Name', name='name', type='text', complete='username', value=escape(name), more=more)
              + FIELD.format(text='Password', name='password', type='password', complete='current-password', value='',
                             more='')
              + f'<input type="hidden" name="next" value="{escape(target)}">')
    wait = {'retry-after': str(int(made.wait) + 1)} if made and made.wait else {}
    return _page('Log in', '/login', fields, 429 if wait else 401 if text else 200, text, **wait)


def _setup_page(text: str, keeps: bool, name: str = '') -> Response:
    if not keeps:
        text = text or 'This dashboard has no folder to keep users in (parameter state_dir).'
    note = ('<p class="hint">Until there is a user, whoever sits at this machine needs no login, and no other machine '
            'is let in. The first user is an admin and can make others.</p>')
    more = f' minlength="{PASSWORD_MIN}"'
    fields = (FIELD.format(text='Name', name='name', type='text', complete='username', value=escape(name),
                           more=' autofocus autocapitalize="none" spellcheck="false"')
              + FIELD.format(text=f'Password, {PASSWORD_MIN} characters at least', name='password', type='password',
                             complete='new-password', value='', more=more)
              + FIELD.format(text='The same again', name='again', type='password', complete='new-password', value='',
                             more=more))
    return _page('Make the first user', '/setup', fields, 422 if text else 200, text, note,
                 '<p class="hint"><a href="/">Not now</a></p>')

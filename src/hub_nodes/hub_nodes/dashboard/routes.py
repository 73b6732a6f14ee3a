"""Routes: the pages, the login and the interface.

NiceGUI knows one site a process, so the home behind it is swapped in.
"""
import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import app as nicegui_app
from nicegui import background_tasks, ui

from hub_nodes.dashboard import (
    devices,
    frame,
    home_page,
    login,
    microgrid,
    notices,
    outlet,
    overview,
    plan,
    settings_page,
)
from hub_nodes.dashboard.access import Access
from hub_nodes.dashboard.api.site import add_api
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.door import WHO
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.who import Who

ICON = frame.LOGO.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" color="#a8480f" ')
STATIC = '/hearthgrid'

_site: FastAPI | None = None
_backend: Backend | None = None
_access: Access | None = None


def site(backend: Backend, access: Access) -> FastAPI:
    """Return the application that shows `backend`. A later call shows another home at the same application."""
    global _site, _backend, _access
    _backend, _access = backend, access
    if _site is None:
        _site = _make()
    return _site


def entry() -> Access:
    """Return who may come to the home of this site."""
    assert _access is not None
    return _access


def home_for(who: Who) -> Permitted:
    """Return the home of this site as `who` may use it."""
    assert _backend is not None
    return Permitted(_backend, who, entry())


def _home() -> Permitted:
    """Return the home as the person may use it whose page is being made."""
    return home_for(ui.context.client.request.scope[WHO])


def _make() -> FastAPI:
    app = FastAPI(title='Hearthgrid', docs_url=None, redoc_url=None, openapi_url='/api/openapi.json')
    app.mount(STATIC, StaticFiles(packages=[(__package__, 'static')]), name='hearthgrid')

    login.add_routes(app, entry)
    add_api(app, home_for, lambda: _backend)
    _pages()
    ui.run_with(app, root=lambda: frame.missing(_home(), 'No such page'), title='Hearthgrid', favicon=ICON, dark=None,
                language='en-US', tailwind=False, binding_refresh_interval=None, show_welcome_message=False,
                reconnect_timeout=10.0, gzip_middleware_factory=None)
    # The framework's bar for requests of its own: nothing here makes any, and a screen reader has no name for it.
    nicegui_app.config.quasar_config['loadingBar']['skipHijack'] = True
    app.router.lifespan_context = _own_tasks(app.router.lifespan_context)
    return app


def _own_tasks(lifespan):
    """Return `lifespan` that ends without waiting for pages that are gone, or for tasks of an earlier loop."""
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator:
        async with lifespan(app) as state:
            yield state
            loop = asyncio.get_running_loop()
            for task in list(background_tasks.running_tasks):
                if task.get_loop() is not loop:
                    background_tasks.running_tasks.discard(task)
                elif task.get_name().startswith('delete content'):
                    task.cancel()  # it waits for a page that was closed to come back, and the end for it
            for name, task in list(background_tasks.lazy_tasks_running.items()):
                if task.get_loop() is not loop:
                    del background_tasks.lazy_tasks_running[name]
    return own


def _pages() -> None:
    static = resources.files(__package__).joinpath('static')
    marks = {name: zlib.crc32(static.joinpath(name).read_bytes()) for name in ('style.css', 'page.js')}
    ui.add_head_html(f'<link rel="stylesheet" href="{STATIC}/style.css?{marks["style.css"]}">'
                     f'<script src="{STATIC}/page.js?{marks["page.js"]}"></script>', shared=True)

    @ui.page('/')
    def _overview() -> None:
        with frame.page(_home(), 'Overview', '/') as clockwork:
            overview.build(_home(), clockwork)

    @ui.page('/plan')
    def _plan() -> None:
        with frame.page(_home(), 'Plan', '/plan') as clockwork:
            plan.build(_home(), clockwork)

    @ui.page('/devices')
    def _devices() -> None:
        with frame.page(_home(), 'Devices', '/devices') as clockwork:
            devices.build(_home(), clockwork)

    @ui.page('/microgrid')
    def _microgrid() -> None:
        with frame.page(_home(), 'Micro-grid', '/microgrid') as clockwork:
            microgrid.build(_home(), clockwork)

    @ui.page('/notices')
    def _notices() -> None:
        with frame.page(_home(), 'Notices', '/notices') as clockwork:
            notices.build(_home(), clockwork)

    @ui.page('/settings')
    def _settings() -> None:
        with frame.page(_home(), 'Settings', '/settings') as clockwork:
            settings_page.build(_home(), clockwork)

    @ui.page('/home')
    def _home_form() -> None:
        with frame.page(_home(), 'Home', '/settings') as clockwork:
            home_page.build(_home(), clockwork)

    @ui.page('/outlet/{name}')
    def _outlet(name: str) -> None:
        home = _home()
        view = home.model.outlet(name, home.now())
        if view is None:
            frame.missing(home, 'No such outlet')
            return
        with frame.page(home, view.title, '') as clockwork:
            outlet.build(home, clockwork, name)

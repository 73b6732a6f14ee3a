"""What changes in the home, over a WebSocket: scope read.

The first message is the whole status (`kind` 'status'); later ones (`kind` 'change') hold what is different since, at
most as often as a page may change: who reads slowly gets fewer, newer ones.
"""
import asyncio
from collections.abc import Callable
from dataclasses import asdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from hub_nodes.dashboard import status
from hub_nodes.dashboard.door import WHO
from hub_nodes.dashboard.permitted import Permitted

STREAMS_MAX = 32
SEND_MAX = 10.0   # for one message; who takes longer is cut off [s]
BUSY, OVER = 1013, 1008  # reasons to close (RFC 6455, section 7.4.1)


def add_stream(app: FastAPI, home_for: Callable[..., Permitted], path: str) -> None:
    """Add the stream at `path`."""
    running: set[int] = set()

    @app.websocket(path)
    async def stream(socket: WebSocket) -> None:
        home = home_for(socket.scope[WHO])
        if len(running) >= STREAMS_MAX or home.access.wait(home.who) > 0:
            await socket.close(BUSY)
            return
        await socket.accept()
        running.add(id(socket))
        talking = asyncio.ensure_future(_talk(socket, home))
        hearing = asyncio.ensure_future(_hear(socket))
        try:
            await asyncio.wait((talking, hearing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.discard(id(socket))
            for task in (talking, hearing):
                task.cancel()
            await asyncio.gather(talking, hearing, return_exceptions=True)


async def _hear(socket: WebSocket) -> None:
    """Return when the other side has gone; nothing it says means anything."""
    while (await socket.receive())['type'] != 'websocket.disconnect':
        pass


async def _talk(socket: WebSocket, home: Permitted) -> None:
    changes, version = Changes(), -1
    try:
        while home.welcome():
            if home.model.version != version:
                version = home.model.version
                message = changes.since(home)
                if message is not None:
                    await asyncio.wait_for(socket.send_json(message), SEND_MAX)
            await asyncio.sleep(1.0 / home.page_rate)
        await socket.close(OVER)
    except (WebSocketDisconnect, RuntimeError, asyncio.TimeoutError):
        pass  # gone, or as good as gone


class Changes:
    """What one reader was told, and with that what is new to it."""

    def __init__(self) -> None:
        self._told: dict | None = None
        self._views: dict[str, object] = {}

    def since(self, home: Permitted) -> dict | None:
        """Return the next message, None when nothing is new."""
        now = home.now()
        views = {view.outlet: view for view in home.model.outlets(now)}
        changed = [view for name, view in views.items() if self._views.get(name) != view]
        raised, _ = home.model.anomalies()
        parts = {'home': asdict(home.model.home_state(now)), 'totals': asdict(home.model.totals(now)),
                 'anomalies': [asdict(one) for one in raised]}
        parts = {name: status.plain(part) for name, part in parts.items()}
        self._views = views
        if self._told is None:
            self._told = parts
            return {'kind': 'status', **status.status(home.model, now)}
        new = {name: part for name, part in parts.items() if part != self._told[name]}
        self._told = parts
        if not new and not changed:
            return None
        return {'kind': 'change', 'time': now, **new, 'outlets': [status.outlet(view) for view in changed]}

"""What a person should know: anomalies that are raised, those that are over, and the word that one has seen them."""
from collections.abc import Callable

from hub_nodes.dashboard import values, words
from hub_nodes.dashboard.backend import Backend
from hub_nodes.dashboard.frame import Clockwork
from hub_nodes.dashboard.widgets import Tag, button, card, outlet_url, tell

ALL = 100


def build(backend: Backend, clockwork: Clockwork) -> None:
    """Make the page of anomalies."""
    Tag('h1', 'Notices', 'unseen')
    clockwork.every(Notices(backend, ALL).refresh)


class Notices:
    """Anomalies: what is raised now, and the last that were. `cleared` : so many of those."""

    def __init__(self, backend: Backend, cleared: int = 3) -> None:
        self._backend, self._cleared, self._shown = backend, cleared, None
        with card('Notices', 'notices-card'):
            self._none = Tag('p', 'Nothing unusual.', 'hint')
            self._list = Tag('ul', css='notices', aria_live='polite')

    def refresh(self) -> None:
        raised, cleared = self._backend.model.anomalies()
        shown = [(anomaly, self._backend.model.seen(anomaly.id)) for anomaly in (*raised, *cleared[:self._cleared])]
        self._none.put(hidden=True if raised else None)
        if shown == self._shown:
            return
        self._shown = shown
        now = self._backend.now()
        self._list.clear()
        with self._list:
            for anomaly, seen in shown:
                self._row(anomaly, seen, now)

    def _row(self, anomaly: values.Anomaly, seen: str, now: float) -> None:
        over = anomaly.status == 'cleared'
        with Tag('li', data_severity='over' if over else anomaly.severity, data_anomaly=anomaly.id):
            with Tag('p'):
                kind = words.KINDS.get(anomaly.kind, 'Notice')
                Tag('strong', f'{"Over" if over else words.SEVERITIES[anomaly.severity]}: {kind.lower()}')
                Tag('span', words.clock(anomaly.stamp, now), 'hint')
            with Tag('p'):
                view = self._backend.model.outlet(anomaly.outlet, now)
                if view is not None:
                    Tag('a', view.title, href=outlet_url(anomaly.outlet))
                Tag('span', anomaly.text)
            known = words.evidence(anomaly)
            if known:
                Tag('p', known[:1].upper() + known[1:], 'hint')
            if over:
                return
            if seen:
                Tag('p', f'Seen by {seen}', 'hint')
            elif self._backend.may('control'):
                button('I have seen it', self._acknowledge(anomaly.id), 'button')

    def _acknowledge(self, id: str) -> Callable:
        async def acknowledge() -> None:
            tell(await self._backend.acknowledge(id))
        return acknowledge

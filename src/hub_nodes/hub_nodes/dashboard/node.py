"""The dashboard node: topics into the view model, the web server in a thread beside the executor."""
import sys

from hearthgrid_ros import health
from hearthgrid_ros.home import HomeError, load
from hearthgrid_ros.interfaces import (
    ANOMALIES,
    BATTERY,
    FORECASTS,
    IDENTITIES,
    ISLAND,
    PLAN,
    PRICES,
    READINGS,
    STATES,
    TIE,
    WAVEFORMS,
    WEATHER,
)
from hearthgrid_ros.node import HomeNode, run
from hub_nodes.dashboard import when
from hub_nodes.dashboard.actions import Actions
from hub_nodes.dashboard.convert import value_of
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.routes import site
from hub_nodes.dashboard.server import Gate, WebServer, is_loopback, listen
from hub_nodes.dashboard.settings import DashboardSettings
from hub_nodes.dashboard.views import Limits, Place

SUBSCRIBED = (READINGS, STATES, IDENTITIES, ANOMALIES, PLAN, FORECASTS, PRICES, WEATHER, TIE, ISLAND, BATTERY,
              WAVEFORMS)
SAMPLE = 1.0       # between points of the live chart [s]
REMEMBERED = 1000  # refusals said so far, so that each is said once


class DashboardNode(HomeNode):
    """Shows the home on a web page and carries a person's wishes back."""

    settings_class = DashboardSettings

    def __init__(self, **options) -> None:
        super().__init__('dashboard', **options)
        settings = self.settings
        self.model = HomeModel(_places(settings.home_file), Limits(
            samples=round(settings.live_minutes * 60 / SAMPLE), quiet_after=settings.quiet_after,
            clock_tolerance=settings.clock_tolerance))
        self._refused: set[str] = set()
        self._refusals = 0
        listener = listen(settings.host, settings.port, settings.allow_remote)
        self.actions = Actions(self, self.model, settings)
        for topic in SUBSCRIBED:
            topic.subscription(self, self._take)
        self.create_timer(SAMPLE, self._tick)
        self.health.before_report(self._report)
        self._server = WebServer(Gate(site(self.actions), settings.allow_remote), listener)
        self._server.start()
        self.url = self._server.url
        self.get_logger().info(f'the page is at {self.url}')
        if not is_loopback(settings.host):
            self.get_logger().warning(f'the page is open to the network at {settings.host}:{self._server.port} without '
                                      'a login: whoever reaches it switches the outlets')

    def _take(self, message) -> None:
        try:
            self.model.put(value_of(message), self.now())
        except ValueError as error:
            self._refuse(f'{type(message).__name__} {getattr(message, "outlet", "")}'.strip(), error)

    def _refuse(self, what: str, error: ValueError) -> None:
        self._refusals += 1
        if what not in self._refused and len(self._refused) < REMEMBERED:
            self._refused.add(what)
            self.get_logger().warning(f'{what} refused: {error} (said once)')

    def _tick(self) -> None:
        self.model.sample(self.now())
        self.actions.look()

    def _report(self) -> None:
        views = self.model.outlets(self.now())
        heard = sum(view.fresh for view in views)
        if self._server.alive():
            self.health.check('page', health.OK, f'served at {self.url}')
        else:
            self.health.check('page', health.ERROR, 'the web server has stopped')
        if heard:
            level, text = health.OK, f'{heard} of {len(views)} outlets heard'
        elif self.model.home_state(self.now()).kind == 'waiting':
            level, text = health.STALE, 'waiting for the first reading'
        else:
            level, text = health.WARN, 'no outlet is heard'
        self.health.check('readings', level, text, heard=heard, outlets=len(views), refused=self._refusals)

    def make_safe(self) -> None:
        self.actions.close()
        if not self._server.stop():
            self.get_logger().error('the web server did not end in time')


def _places(home_file: str) -> tuple[Place, ...]:
    if not home_file:
        when.use('')
        return ()
    try:
        home = load(home_file)
    except HomeError as error:
        raise ValueError(f'home_file: {error}') from None
    when.use(home.timezone)
    return tuple(Place(outlet.id, outlet.title, outlet.room) for outlet in home.outlets)


def main() -> int:
    """Run the node alone."""
    return run(DashboardNode)


if __name__ == '__main__':
    sys.exit(main())

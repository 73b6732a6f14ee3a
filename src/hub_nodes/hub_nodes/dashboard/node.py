"""The dashboard node: topics into the view model, the web server in a thread beside the executor."""
import sys

from hearthgrid_msgs import msg
from hearthgrid_ros import health
from hearthgrid_ros.home import Home, HomeError, load
from hearthgrid_ros.interfaces import (
    ANOMALIES,
    AUDIT,
    BATTERY,
    FORECASTS,
    IDENTITIES,
    ISLAND,
    JOBS,
    PLAN,
    PRICES,
    READINGS,
    STATES,
    TIE,
    WAVEFORMS,
    WEATHER,
)
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.time import to_msg
from hub_nodes.dashboard import when
from hub_nodes.dashboard.access import Access
from hub_nodes.dashboard.actions import Actions
from hub_nodes.dashboard.audit import AuditLog, Entry
from hub_nodes.dashboard.convert import value_of
from hub_nodes.dashboard.door import Door
from hub_nodes.dashboard.facts import told
from hub_nodes.dashboard.model import HomeModel
from hub_nodes.dashboard.past_file import KeptSteps
from hub_nodes.dashboard.routes import site
from hub_nodes.dashboard.server import Gate, WebServer, check_certificate, listen
from hub_nodes.dashboard.sessions import Sessions
from hub_nodes.dashboard.settings import DashboardSettings
from hub_nodes.dashboard.tokens import Tokens
from hub_nodes.dashboard.users import Users
from hub_nodes.dashboard.views import Limits, Place

SUBSCRIBED = (READINGS, STATES, IDENTITIES, ANOMALIES, PLAN, FORECASTS, PRICES, WEATHER, TIE, ISLAND, BATTERY,
              WAVEFORMS, JOBS)
OWN = ('page', 'api')  # sources of the audit log that are this node
SAMPLE = 1.0       # between points of the live chart [s]
REMEMBERED = 1000  # refusals said so far, so that each is said once


class DashboardNode(HomeNode):
    """Shows the home on a web page and carries a person's wishes back."""

    settings_class = DashboardSettings

    def __init__(self, **options) -> None:
        super().__init__('dashboard', **options)
        settings = self.settings
        home = _home(settings.home_file)
        self.model = HomeModel(_places(home), Limits(
            samples=round(settings.live_minutes * 60 / SAMPLE), quiet_after=settings.quiet_after,
            clock_tolerance=settings.clock_tolerance),
            {name: one.capacity_kwh for name, one in home.stores.items()} if home else None)
        self._past = KeptSteps(settings.state_dir, lambda text: self.get_logger().warning(text))
        self.model.remember(self._past.read())
        self._refused: set[str] = set()
        self._refusals = 0
        self.access = self._open_access(settings)
        listener = listen(settings.host, settings.port, settings.allow_remote)
        self.actions = Actions(self, self.model, settings, told(home, settings))
        for topic in SUBSCRIBED:
            topic.subscription(self, self._take)
        AUDIT.subscription(self, self._heard)
        self.create_timer(SAMPLE, self._tick)
        self.health.before_report(self._report)
        inner = Door(site(self.actions, self.access), self.access)
        self._server = WebServer(Gate(inner, settings.allow_remote), listener, settings.certificate,
                                 settings.certificate_key)
        self._server.start()
        self.url = self._server.url
        self.get_logger().info(f'the page is at {self.url}')
        if settings.allow_remote and not settings.certificate:
            self.get_logger().warning('the page is open to other machines without HTTPS: passwords travel in the clear')

    def _open_access(self, settings: DashboardSettings) -> Access:
        """Return who may come in. ValueError when the users' file is damaged, or other machines come without users."""
        users = Users(settings.state_dir)
        if not users.any() and settings.allow_remote:  # ValueError for a damaged file, in any case
            raise ValueError('allow_remote needs a user, and there is none: hearthgrid user add NAME --role admin')
        check_certificate(settings.certificate, settings.certificate_key)
        self._audit = AUDIT.publisher(self)
        log = AuditLog(settings.state_dir, self._tell, lambda text: self.get_logger().error(text))
        return Access(users, Tokens(settings.state_dir), Sessions(settings.state_dir, settings.session_lifetime), log,
                      settings.allow_remote, bool(settings.certificate), settings.api_rate)

    def _tell(self, entry: Entry) -> None:
        """Say on the topic who did what. Called from any thread."""
        self.actions.post(lambda: self._audit.publish(msg.Audit(
            stamp=to_msg(entry.at), user=entry.user, source=entry.source, action=entry.action, target=entry.target,
            allowed=entry.allowed, detail=entry.detail)))

    def _heard(self, message: msg.Audit) -> None:
        if message.source not in OWN:  # what was done here is written already
            self.access.audit.hear(self.now(), message.user, message.source, message.action, message.target,
                                   message.allowed, message.detail)

    def _take(self, message) -> None:
        try:
            self.model.put(value_of(message), self.now())
        except ValueError as error:
            of = getattr(message, 'outlet', '') or getattr(message, 'location', '')
            self._refuse(f'{type(message).__name__} {of}'.strip(), error)

    def _refuse(self, what: str, error: ValueError) -> None:
        self._refusals += 1
        if what not in self._refused and len(self._refused) < REMEMBERED:
            self._refused.add(what)
            self.get_logger().warning(f'{what} refused: {error} (said once)')

    def _tick(self) -> None:
        self.model.sample(self.now())
        self._past.keep(self.model.steps()[::-1])
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


def _home(home_file: str) -> Home | None:
    if not home_file:
        when.use('')
        return None
    try:
        home = load(home_file)
    except HomeError as error:
        raise ValueError(f'home_file: {error}') from None
    when.use(home.timezone)
    return home


def _places(home: Home | None) -> tuple[Place, ...]:
    return tuple(Place(outlet.id, outlet.title, outlet.room) for outlet in home.outlets) if home else ()


def main() -> int:
    """Run the node alone."""
    return run(DashboardNode)


if __name__ == '__main__':
    sys.exit(main())

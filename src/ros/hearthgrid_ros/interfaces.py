"""The one table of interfaces: name, type, quality of service, and who speaks to whom.

Nodes, launch files, tests and the page in `docs/interfaces.md` read these rows; an offer and a request that disagree
fail in silence, so nobody writes a topic name or a QoS profile anywhere else. Names are relative. A row's scope says in
which namespace it lives: the home's (one topic for all outlets, their id in the message, because a reader's cost grows
with its subscriptions) or the outlet's own.
"""

from dataclasses import dataclass
from enum import Enum

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import BatteryState
from visualization_msgs.msg import MarkerArray

from hearthgrid_msgs import action, msg, srv


@dataclass(frozen=True)
class Quality:
    """Quality of both ends. Depths differ: a writer keeps what late joiners need, a reader what may queue."""

    reliability: ReliabilityPolicy
    writer_depth: int
    reader_depth: int
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE

    def profile(self, depth: int) -> QoSProfile:
        """Return the profile of one end."""
        return QoSProfile(
            depth=depth,
            history=HistoryPolicy.KEEP_LAST,
            reliability=self.reliability,
            durability=self.durability,
            liveliness=LivelinessPolicy.AUTOMATIC,
        )


_BEST_EFFORT, _RELIABLE = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
_KEPT = DurabilityPolicy.TRANSIENT_LOCAL
MANY = 256  # outlets that may speak at once on a shared topic

TELEMETRY = Quality(_BEST_EFFORT, 5, 5)  # the newest matters
FAN_IN = Quality(_BEST_EFFORT, 5, MANY)  # telemetry of many writers on one topic
SAMPLES = Quality(_RELIABLE, 20, 20)  # a gap spoils a window
EVENT = Quality(_RELIABLE, 10, MANY)  # each one matters
STATE = Quality(_RELIABLE, 1, 1, _KEPT)  # one writer: a late joiner learns its last word
STATE_EACH = Quality(_RELIABLE, 1, MANY, _KEPT)  # many writers, each with its own last word
STATE_SET = Quality(_RELIABLE, MANY, MANY, _KEPT)  # one writer that speaks of many things
STATE_EACH_SET = Quality(_RELIABLE, 32, MANY, _KEPT)  # many writers, each with several things standing
COMMAND = Quality(_RELIABLE, 1, 8)  # must arrive, or expire; voices may speak at once


class Scope(Enum):
    """In which namespace a name lives."""

    HOME = 'home'  # /home/<name>
    OUTLET = 'outlet'  # /home/<outlet>/<name>
    GLOBAL = 'global'  # /<name>, fixed by a ROS convention


@dataclass(frozen=True)
class Topic:
    """One row: `publisher(node)` and `subscription(node, callback)` make both ends of it."""

    name: str
    type: type
    quality: Quality
    scope: Scope
    doc: str

    def resolve(self, node) -> str:
        """Return the topic's full name as seen from `node`, an outlet's node or one in the home's namespace."""
        if self.scope is Scope.GLOBAL:
            return f'/{self.name}'
        if self.scope is Scope.HOME:
            return f'{home_namespace(node)}/{self.name}'
        return f'{node.get_namespace().rstrip("/")}/{self.name}'

    def publisher(self, node):
        """Return a publisher of this row."""
        return self._publisher(node, self.resolve(node))

    def subscription(self, node, callback, raw: bool = False):
        """Return a subscription to this row. raw : the callback takes messages as bytes of the wire"""
        return self._subscription(node, self.resolve(node), callback, raw)

    def of(self, node, outlet: str) -> str:
        """Return the full name of an outlet-scoped row for `outlet`."""
        return f'{home_namespace(node)}/{outlet}/{self.name}'

    def publisher_to(self, node, outlet: str):
        """Return a publisher to one outlet's own topic, from a hub node."""
        return self._publisher(node, self.of(node, outlet))

    def subscription_to(self, node, outlet: str, callback):
        """Return a subscription to one outlet's own topic, from a hub node."""
        return self._subscription(node, self.of(node, outlet), callback)

    # Both ends come from this table, so they agree: rclpy's default watchers for those that do not would only be two
    # more entities to wait on for every end.

    def _publisher(self, node, name: str):
        return node.create_publisher(
            self.type,
            name,
            self.quality.profile(self.quality.writer_depth),
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
        )

    def _subscription(self, node, name: str, callback, raw: bool = False):
        return node.create_subscription(
            self.type,
            name,
            callback,
            self.quality.profile(self.quality.reader_depth),
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            raw=raw,
        )


@dataclass(frozen=True)
class Service:
    """A service or action row; `server`/`client` make its ends (for actions use rclpy.action with `of`).

    guarded : it changes something, so that a home with keys wants a signed word that a call is meant (`calls.py`).
    """

    name: str
    type: type
    scope: Scope
    doc: str
    guarded: bool = True

    resolve = Topic.resolve
    of = Topic.of

    def server(self, node, callback, calls=None):
        """Return a server of this row. calls : the node's `Calls`, which a guarded row in a running home needs"""
        if calls is not None and self.guarded:
            callback = calls.guard(self, callback)
        return node.create_service(self.type, self.resolve(node), callback)

    def client(self, node, outlet: str = ''):
        """Return a client of this row; of an outlet's row, say which outlet."""
        return node.create_client(self.type, self.of(node, outlet) if outlet else self.resolve(node))


class Action(Service):
    """An action row."""


def home_namespace(node) -> str:
    """Return the home's namespace: the first part of the node's own ('' when it has none)."""
    first = node.get_namespace().strip('/').split('/')[0]
    return f'/{first}' if first else ''


# Telemetry of all outlets, inverters and meters (Reading.outlet also names `grid`, `pv`, `battery`).
READINGS = Topic('readings', msg.Reading, FAN_IN, Scope.HOME, 'what each outlet, inverter and meter measured, 1 Hz')
SIGNATURES = Topic('signatures', msg.Signature, EVENT, Scope.HOME, 'what each load looks like, on change and heartbeat')
WAVEFORMS = Topic('waveforms', msg.Waveform, TELEMETRY, Scope.HOME, 'raw windows, on change, request and heartbeat')
STATES = Topic('states', msg.OutletState, STATE_EACH, Scope.HOME, 'what each outlet does and why')
IDENTITIES = Topic('identities', msg.Identity, STATE_SET, Scope.HOME, 'which device is on each outlet')
LABELS = Topic('labels', msg.Label, EVENT, Scope.HOME, 'what a person (or a recording) says is on an outlet')
ANOMALIES = Topic('anomalies', msg.Anomaly, STATE_EACH_SET, Scope.HOME, 'what a person should know')
JOBS = Topic('jobs', msg.Job, STATE_EACH, Scope.HOME, 'deferrable jobs the outlets hold')

# Planning.
PRICES = Topic('prices', msg.PriceSeries, STATE, Scope.HOME, 'energy prices ahead')
WEATHER = Topic('weather', msg.WeatherSeries, STATE, Scope.HOME, 'weather now and ahead')
FORECASTS = Topic('forecasts', msg.Forecast, STATE_SET, Scope.HOME, 'load, PV, price, temperature ahead, with spread')
PLAN = Topic('plan', msg.Plan, STATE, Scope.HOME, 'the schedule of the home')
GRID_LIMIT = Topic('grid_limit', msg.GridLimit, STATE, Scope.HOME, 'what the utility asks at the meter')
GRID_EVENTS = Topic('grid_events', msg.GridEvent, STATE_SET, Scope.HOME, 'events of the utility, far to completed')
REQUEST = Topic('request', msg.Request, COMMAND, Scope.OUTLET, 'a voice asks this outlet to keep a band')
INVERTER_SETPOINT = Topic('inverter_setpoint', msg.InverterSetpoint, COMMAND, Scope.HOME, 'to an inverter')
BATTERY = Topic('battery', BatteryState, TELEMETRY, Scope.HOME, 'state of the home battery')

# Micro-grid.
TIE = Topic('tie', msg.Breaker, STATE, Scope.HOME, 'the breaker between home and utility')
ISLAND = Topic('island', msg.IslandMode, STATE_EACH, Scope.HOME, 'where each member believes the home stands')
BALLOTS = Topic('ballots', msg.Ballot, FAN_IN, Scope.HOME, 'words of leader election')
SHARES = Topic('shares', msg.Share, FAN_IN, Scope.HOME, 'words of secondary control between grid-forming inverters')
REGULATOR = Topic('regulator', msg.Regulator, STATE, Scope.HOME, 'the voltage regulator of the feeder')
REGULATOR_SETPOINT = Topic(
    'regulator_setpoint', msg.RegulatorSetpoint, COMMAND, Scope.HOME, 'which tap it shall take')

# The wire between an outlet's controller and its converter and relay, real or simulated.
ADC = Topic('adc', msg.Samples, SAMPLES, Scope.OUTLET, 'converter samples, block after block')
RELAYS = Topic('relays', msg.RelayCommand, STATE_EACH, Scope.HOME, 'relay and power stage commands')
TRUTH = Topic('truth', msg.Label, EVENT, Scope.HOME, 'in a replay: what was played; for scoring, never read by the hub')

PERMITS = Topic('permits', msg.Request, STATE_EACH_SET, Scope.HOME, 'signed words that a call of a service is meant')
AUDIT = Topic('audit', msg.Audit, EVENT, Scope.HOME, 'who had the home do what from outside')

# Standard tools.
DIAGNOSTICS = Topic('diagnostics', DiagnosticArray, EVENT, Scope.GLOBAL, 'health, for rqt_robot_monitor')
MARKERS = Topic('markers', MarkerArray, STATE, Scope.HOME, 'the house, for rviz')
ECHO = Topic('reading', msg.Reading, TELEMETRY, Scope.OUTLET, 'its reading under its own name, for rqt_plot (`echo`)')

GET_HISTORY = Service('get_history', srv.GetHistory, Scope.HOME, 'a quantity over time, from `store`', guarded=False)
GET_COSTS = Service(
    'get_costs', srv.GetCosts, Scope.HOME, 'what each outlet used and cost over a time, from `store`', guarded=False)
ACKNOWLEDGE = Service('acknowledge', srv.Acknowledge, Scope.HOME, 'a person has seen an anomaly')
TEST_NOTIFICATION = Service('test_notification', srv.TestNotification, Scope.HOME, 'a test message to a channel')
CORRECT_IDENTITY = Service('correct_identity', srv.CorrectIdentity, Scope.HOME, 'a person names a device')
SCRIPT_OUTAGE = Service('script_outage', srv.ScriptOutage, Scope.HOME, 'in the simulation: fail the utility')
PLUG_APPLIANCE = Service('plug_appliance', srv.PlugAppliance, Scope.HOME, 'in the simulation: change an appliance')
SET_OPT = Service('set_opt', srv.SetOpt, Scope.HOME, 'a person opts into or out of an event')
GET_SCHEDULE = Service(
    'get_schedule', srv.GetSchedule, Scope.OUTLET, 'schedule and priority of an outlet', guarded=False)
SET_SCHEDULE = Service('set_schedule', srv.SetSchedule, Scope.OUTLET, 'replace the schedule of an outlet')
SET_PRIORITY = Service('set_priority', srv.SetPriority, Scope.OUTLET, 'shedding class of an outlet')
RESET_TRIP = Service('reset_trip', srv.ResetTrip, Scope.OUTLET, 'unlatch a tripped outlet')
CAPTURE_WAVEFORM = Service(
    'capture_waveform', srv.CaptureWaveform, Scope.OUTLET, 'the newest raw window now', guarded=False)
RUN_JOB = Action('run_job', action.RunJob, Scope.OUTLET, 'so much energy before a deadline')

TABLE = tuple(row for row in globals().values() if isinstance(row, (Topic, Service)))
TOPICS = tuple(row for row in TABLE if isinstance(row, Topic))
SERVICES = tuple(row for row in TABLE if isinstance(row, Service) and not isinstance(row, Action))
ACTIONS = tuple(row for row in TABLE if isinstance(row, Action))

"""A home with the grid service's node, its utility's server, and a peer that hears what the home is told."""
import importlib.util
from contextlib import contextmanager
from pathlib import Path

from openleadr import objects
from sensor_msgs.msg import BatteryState

from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK
from hearthgrid_ros.interfaces import BATTERY, GRID_EVENTS, GRID_LIMIT, PRICES, READINGS
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import free_port
from hearthgrid_ros.time import to_msg
from hub_nodes.grid_service.node import GridServiceNode

_spec = importlib.util.spec_from_file_location(
    'grid_service_utility', Path(__file__).with_name('grid_service_utility.py'))
utility_of = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(utility_of)
DAY, Authority, Vtn = utility_of.DAY, utility_of.Authority, utility_of.Vtn
fingerprint = utility_of.fingerprint

FAST = {'retry': 0.2, 'report_least': 1.0, 'hours_a_day': 24.0}
EURO = objects.Measurement('currencyPerKWh', 'currencyPerKWh', 'EUR', scale='none')
KILOWATT = objects.Measurement('powerReal', 'RealPower', 'W', scale='k', power_attributes=objects.PowerAttributes())
KILOWATTHOUR = objects.Measurement('energyReal', 'RealEnergy', 'Wh', scale='k')
HOME = """
timezone: Europe/Berlin
supply: {{import_max: 10000}}
battery: {{capacity_kwh: 10, power_max: 4000}}
outlets: [{{id: kettle}}]
grid_service:
  protocol: openadr2b
  url: {url}
  ven_name: test home
  certificate: {certificate}
  key: {key}
  authority: {authority}
  fingerprint: "{fingerprint}"
  poll: 1
"""


class Utility:
    """A server, the node that speaks with it, and a peer that hears what the home is told."""

    def __init__(self, ros, authority, folder, settings=None, lasts=DAY, home_lasts=DAY, served=True):
        self.ros, self.authority, self.peer = ros, authority, ros.peer()
        self.certificate, self.key = authority.issue('home', home_lasts)
        self.port, self.vtn = free_port(), None
        self.serve(lasts)
        file = folder / 'home.yaml'
        file.write_text(HOME.format(url=self.vtn.url, certificate=self.certificate, key=self.key,
                                    authority=authority.file, fingerprint=self.vtn.fingerprint))
        if not served:
            self.vtn.stop()
        self.limits, self.events, self.prices = (
            ros.hear(self.peer, row) for row in (GRID_LIMIT, GRID_EVENTS, PRICES))
        self.readings, self.battery, self.others = (row.publisher(self.peer) for row in (READINGS, BATTERY, PRICES))
        self.parameters = FAST | (settings or {}) | {'home_file': str(file), 'state_dir': str(folder)}
        self.node = ros.add(GridServiceNode, **options('/home', self.parameters))
        self.power, self._last = 1500.0, 0.0

    def serve(self, lasts=DAY):
        self.vtn = Vtn(self.authority, self.port, lasts, fingerprint(self.certificate))

    def trust_again(self):
        """Tell the node of the server's new certificate."""
        section = self.node._home.grid_service.model_copy(update={'fingerprint': self.vtn.fingerprint})
        self.node._home = self.node._home.model_copy(update={'grid_service': section})

    @property
    def now(self):
        return self.peer.get_clock().now().nanoseconds * 1e-9

    def speak(self):
        if self.now > self._last + 0.25:
            self._last = self.now
            self.readings.publish(msg.Reading(stamp=to_msg(self.now), outlet='grid', active_power=self.power))
            self.battery.publish(BatteryState(percentage=0.5))

    def until(self, condition, timeout=30.0):
        return self.ros.until(lambda: self.speak() or condition(), timeout)

    def registered(self):
        return self.until(lambda: self.vtn.registered and self.health('server') == OK)

    def health(self, check):
        return next((s.level for s in self.node.health.statuses() if s.name.endswith(f': {check}')), None)

    def words(self, check):
        return next((s.message for s in self.node.health.statuses() if s.name.endswith(f': {check}')), '')

    def limit(self, **wanted):
        """Wait for a limit with these fields."""
        def fits(heard):
            return all(getattr(heard, k) == v or repr(getattr(heard, k)) == repr(v) == 'nan'
                       for k, v in wanted.items())
        return self.until(lambda: self.limits and fits(self.limits[-1]))

    def state(self, id='e'):
        return next(((e.status, e.opt) for e in reversed(self.events) if e.id == id), None)


@contextmanager
def utilities(ros, authority, folder):
    """Yield a function that makes a Utility; all end with the context."""
    made = []

    def make(**change):
        made.append(Utility(ros, authority, folder, **change))
        return made[-1]

    yield make
    for one in made:
        if one.node in ros._nodes:
            ros.end(one.node)
        one.vtn.stop()

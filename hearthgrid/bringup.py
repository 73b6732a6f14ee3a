"""The one plan of what runs where. The command line and the launch files both read it; neither knows a node by name."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from importlib import import_module
from pathlib import Path

from hearthgrid_ros.home import Home, HomeError, Outlet

OUTLETS_A_PROCESS = 24


@dataclass(frozen=True)
class NodeSpec:
    """One node: where its class lives, how `ros2 run` calls it, and the parameters it starts with."""

    package: str
    executable: str
    target: str  # 'module:Class'
    name: str
    namespace: str
    parameters: dict = field(default_factory=dict)

    def load(self):
        """Return the node's class."""
        module, name = self.target.split(':')
        return getattr(import_module(module), name)


@dataclass(frozen=True)
class Process:
    """Nodes that share one process."""

    name: str
    nodes: tuple[NodeSpec, ...]

    def write(self, folder: Path) -> Path:
        """Write the process' specification for `host` and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{self.name}.json'
        path.write_text(json.dumps([asdict(node) for node in self.nodes], indent=1))
        return path

    @property
    def enclave(self) -> str:
        """Identity of the process in SROS 2: `/<home>/<name>`; the names of `each` hold the home, with dots."""
        home = self.nodes[0].namespace.split('/')[1]
        return f'/{self.name.replace(".", "/")}' if '.' in self.name else f'/{home}/{self.name}'

    def command(self, spec: Path) -> list[str]:
        """Return what to run. spec : what `write` returned"""
        return [sys.executable, '-m', 'hearthgrid.host', str(spec), *enclave_arguments(self.enclave)]

    @staticmethod
    def read(path: Path) -> tuple[NodeSpec, ...]:
        """Return the nodes a specification lists."""
        return tuple(NodeSpec(**row) for row in json.loads(path.read_text()))


def enclave_arguments(enclave: str) -> list[str]:
    """Return what gives a process of ROS 2 its identity, nothing where ROS_SECURITY_ENABLE is not set."""
    enabled = os.environ.get('ROS_SECURITY_ENABLE') == 'true'
    return ['--ros-args', '--enclave', enclave] if enabled else []


@dataclass(frozen=True)
class Options:
    """What a start of the home chooses beyond its file."""

    home_file: str  # read by the nodes that need the home
    state_dir: str  # where everything worth keeping lies
    simulation: bool = True  # a simulated world behind the outlets
    outlets: bool = True  # Python outlets (off where real ones speak the topics)
    only: str = ''  # of the outlets and the inverter just this one; empty = all
    hub: bool = True
    dashboard: bool = True
    port: int = 8420  # of the page
    each: bool = False  # one process a node instead of a few shared ones
    replay: str = ''  # recordings behind the outlets' converters
    seed: int = 1  # of the simulation
    home_source: str = ''  # the file an admin changes on the page; empty: home_file
    keys_file: str = ''  # of the home; empty: commands are not signed
    firmware: str = ''  # outlets that run in C: a number, ids with commas between, or 'all'


HUB = (  # name, class, and what the plan tells it; in the order they start
    ('store', 'hub_nodes.store.node:StoreNode', ('state_dir', 'keys_file')),
    ('identify', 'hub_nodes.identify:IdentifyNode', ('state_dir', 'keys_file')),
    ('anomaly', 'hub_nodes.anomaly:AnomalyNode', ('home_file', 'state_dir')),
    ('forecast', 'hub_nodes.forecast:ForecastNode', ('home_file', 'state_dir')),
    ('markers', 'hub_nodes.markers:MarkersNode', ('home_file',)),
    ('voltage', 'hub_nodes.voltage:VoltageNode', ('home_file', 'keys_file')),
    ('plan', 'hub_nodes.plan:PlanNode', ('home_file', 'keys_file')),
    ('notify', 'hub_nodes.notify:NotifyNode', ('home_file', 'state_dir', 'keys_file')),
    ('gateway', 'hub_nodes.gateway:GatewayNode', ('home_file', 'state_dir', 'keys_file')),
    ('grid_service', 'hub_nodes.grid_service.node:GridServiceNode', ('home_file', 'state_dir', 'keys_file')),
    ('market', 'hub_nodes.adapters.market:MarketNode', ('home_file', 'state_dir')),
    ('dashboard', 'hub_nodes.dashboard.node:DashboardNode',
     ('home_file', 'home_source', 'state_dir', 'port', 'keys_file')),
)
SECTIONS = ('notify', 'grid_service', 'market', 'gateway')  # of the home file: each starts the node of its name
ALONE = ('plan', 'dashboard', 'gateway')  # a solver, a web server and strangers' bytes must not hold up the others


def plan(home: Home, options: Options) -> tuple[Process, ...]:
    """Return the processes of a home. HomeError when its `nodes:` names a node or parameter that does not exist."""
    processes: list[Process] = []
    if options.simulation:
        processes.append(Process('world', (_world(home, options),)))
    if options.outlets:
        chosen = [outlet for outlet in home.outlets if options.only in ('', outlet.id)]
        groups = list(_groups(chosen, OUTLETS_A_PROCESS)) if chosen else []
        for number, group in enumerate(groups, 1):
            nodes = tuple(spec for outlet in group for spec in outlet_nodes(home, outlet, options))
            processes.append(Process(f'outlets_{number}' if len(groups) > 1 else 'outlets', nodes))
        for number, name in enumerate(home.inverters):
            if options.only in ('', name):
                # Not among the outlets: one crash must not take the leader and most who could follow it.
                spec = member(home, name, options, meter=True)
                processes.append(Process(f'inverter_{name}' if number else 'inverter', (spec,)))
    if options.hub:
        hub = [spec for spec in hub_nodes(home, options) if options.dashboard or spec.name != 'dashboard']
        processes.append(Process('hub', tuple(spec for spec in hub if spec.name not in ALONE)))
        processes += [Process(spec.name, (spec,)) for spec in hub if spec.name in ALONE]
    if options.each:
        processes = [
            Process(f'{spec.namespace.strip("/").replace("/", ".")}.{spec.name}', (spec,))
            for process in processes
            for spec in process.nodes
        ]
    _check_overrides(home, [spec for process in processes for spec in process.nodes])
    return tuple(processes)


def hub_nodes(home: Home, options: Options) -> list[NodeSpec]:
    """Return the nodes of the hub."""
    return [
        _spec(home, 'hub_nodes', name, target, '', {fact: getattr(options, fact) for fact in facts})
        for name, target, facts in HUB
        if name not in SECTIONS or getattr(home, name) is not None
    ]


def outlet_nodes(home: Home, outlet: Outlet, options: Options) -> list[NodeSpec]:
    """Return the nodes of one outlet."""
    facts = {
        'title': outlet.title or outlet.id,
        'priority': outlet.priority,
        'rank': outlet.rank,
        'deferrable': outlet.deferrable,
        'throttleable': outlet.throttleable,
        'minimum_on_time': outlet.minimum_on,
        'minimum_off_time': outlet.minimum_off,
        'island_power': home.forming_power,
        'island_voltage': home.supply.voltage,
        'timezone': home.timezone,
        'schedule': json.dumps([rule.row() for rule in outlet.schedule]),
        'state_dir': options.state_dir,
        'keys_file': options.keys_file,
    }
    return [
        _spec(home, 'outlet_node', 'outlet', 'outlet_node.outlet:OutletNode', outlet.id, facts),
        member(home, outlet.id, options),
    ]


def member(home: Home, id: str, options: Options, **facts) -> NodeSpec:
    """Return the member of the micro-grid that belongs to an outlet or to an inverter."""
    own = home.stores.get(id)
    facts |= {
        'nominal_voltage': home.supply.voltage,
        'nominal_frequency': float(home.supply.frequency),
        'committee': ','.join(home.committee()),
        'outlets': len(home.outlets),
        'inverter': ','.join(home.inverters),
        'inverter_power': home.forming_power,
        'inverter_rating': own.power_max if own else 0.0,
        'battery_kwh': sum(home.stores[name].capacity_kwh for name in home.inverters),
        'battery_parts': ','.join(f'{name}={home.stores[name].capacity_kwh:g}' for name in home.inverters),
        'battery_efficiency': home.battery.efficiency if home.battery else 0.95,
        'grid_power': home.supply.import_max,
        'state_dir': options.state_dir,
        'keys_file': options.keys_file,
    }
    return _spec(home, 'outlet_node', 'consensus', 'outlet_node.consensus:ConsensusNode', id, facts)


def _world(home: Home, options: Options) -> NodeSpec:
    parameters = {'home_file': options.home_file, 'seed': options.seed, 'replay': options.replay,
                  'keys_file': options.keys_file}
    return _spec(home, 'sim_nodes', 'world', 'sim_nodes.world:WorldNode', '', parameters)


def _spec(home: Home, package: str, name: str, target: str, outlet: str, parameters: dict) -> NodeSpec:
    """Return a node's specification with the home file's own parameters laid over the plan's."""
    own = home.nodes.get(name, {}) | (home.nodes.get(f'{outlet}/{name}', {}) if outlet else {})
    return NodeSpec(package, name, target, name, f'/{home.name}/{outlet}'.rstrip('/'), parameters | own)


def _check_overrides(home: Home, specs: Iterable[NodeSpec]) -> None:
    specs = list(specs)
    for key, parameters in home.nodes.items():
        matching = [s for s in specs if key in (s.name, f'{s.namespace.split("/")[-1]}/{s.name}')]
        if not matching:
            if key in {name for name, _, _ in HUB} | {'world', 'outlet', 'consensus'}:
                continue  # not started this time
            raise HomeError(f'nodes: no node is called {key!r}')
        known = {f.name for f in fields(matching[0].load().settings_class)} | {'autostart'}
        for parameter in parameters:
            if parameter not in known:
                raise HomeError(
                    f'nodes.{key}: no parameter is called {parameter!r}; there are {", ".join(sorted(known))}'
                )


def _groups(outlets: list[Outlet], size: int) -> Iterable[list[Outlet]]:
    count = -(-len(outlets) // size)
    even = -(-len(outlets) // count)
    for start in range(0, len(outlets), even):
        yield outlets[start : start + even]


def key_names(home: Home) -> list[str]:
    """Return who of a home is commanded, and so has a key."""
    plugs = [plug.id for plug in home.gateway.plugs] if home.gateway else []
    inverters = [*home.stores, *(['pv'] if home.pv else [])]
    return [*(outlet.id for outlet in home.outlets), *plugs, *inverters, 'regulator']


def default_state_dir() -> Path:
    """Return where a home keeps its state: $HEARTHGRID_STATE, else the user's state folder."""
    chosen = os.environ.get('HEARTHGRID_STATE')
    base = os.environ.get('XDG_STATE_HOME') or os.path.expanduser('~/.local/state')
    return Path(chosen) if chosen else Path(base) / 'hearthgrid'

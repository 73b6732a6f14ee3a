"""SROS 2 policies, and DDS security's permissions and governance, from the interface table and who speaks it.

One enclave a process, one profile a node in it: ROS 2 has one identity a context. The policy's schema is sros2's 0.2.0
(`enclaves/profiles/profile/topics`), permissions and governance those of OMG DDS Security 1.1, sections 9.4.1.2 and
9.4.1.3. Names on the wire: `rt/`, `rq/…Request`, `rr/…Reply` (design.ros2.org/articles/topic_and_service_names.html).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

from hearthgrid.bringup import NodeSpec, Options, Process, plan
from hearthgrid_ros.home import Home
from hearthgrid_ros.interfaces import DIAGNOSTICS, Action, Scope, Service, Topic
from hearthgrid_ros.speakers import OWN, SPEAKERS, Speaks

PARAMETERS = ('describe_parameters', 'get_parameter_types', 'get_parameters', 'list_parameters', 'set_parameters',
              'set_parameters_atomically', 'get_type_description')
LIFECYCLE = ('change_state', 'get_available_states', 'get_available_transitions', 'get_state', 'get_transition_graph')
ACTION_SERVICES = ('cancel_goal', 'get_result', 'send_goal')
DISCOVERY = 'ros_discovery_info'  # rmw's own topic, without a prefix
TOOLS = 'tools'


@dataclass(frozen=True)
class Profile:
    """Full names one node may use."""

    namespace: str
    node: str
    says: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Enclave:
    """A process: its identity, and what its nodes may say."""

    path: str
    profiles: tuple[Profile, ...]


def enclaves(home: Home, options: Options) -> tuple[Enclave, ...]:
    """Return an enclave for each process of the home's plan, and one for the tools of the command line."""
    processes = plan(home, options)
    made = [Enclave(p.enclave, tuple(_profile(home, node) for node in p.nodes)) for p in processes]
    tools = Process(TOOLS, (NodeSpec('hearthgrid', '', '', TOOLS, f'/{home.name}'),))
    return (*made, Enclave(tools.enclave, (_profile(home, tools.nodes[0]),)))


def _profile(home: Home, node: NodeSpec) -> Profile:
    speaks = SPEAKERS[node.name]
    plugs = [plug.id for plug in home.gateway.plugs] if home.gateway else []
    commanded = [*(outlet.id for outlet in home.outlets), *plugs]
    own = [node.namespace.rpartition('/')[2]]
    if node.name == 'gateway':
        own = plugs
    elif node.name == TOOLS:
        own = commanded

    def names(rows, outlets: list[str]) -> list[str]:
        found = []
        for row in rows:
            if row.scope is Scope.GLOBAL:
                found.append(f'/{row.name}')
            elif row.scope is Scope.HOME:
                found.append(f'/{home.name}/{row.name}')
            else:
                found += [f'/{home.name}/{outlet}/{row.name}' for outlet in (own if row in OWN else outlets)]
        return found

    def of(rows, kind) -> list:
        return [row for row in rows if isinstance(row, Action) is (kind is Action)]

    base = f'{node.namespace}/{node.name}'
    says, serves, asks = _standard(speaks, base)
    if node.name == TOOLS:
        asks += [f'/{home.name}/{node}/{name}' for node in ('*', '*/*') for name in (*PARAMETERS, *LIFECYCLE)]
    return Profile(
        node.namespace, node.name, _sorted(names(speaks.says, commanded) + says), _sorted(names(speaks.hears, own)),
        _sorted(names(of(speaks.serves, Service), own) + serves),
        _sorted(names(of(speaks.asks, Service), commanded) + asks), _sorted(names(of(speaks.serves, Action), own)),
        _sorted(names(of(speaks.asks, Action), commanded)))  # fmt: skip


def _standard(speaks: Speaks, base: str) -> tuple[list[str], list[str], list[str]]:
    """Return what every node of ROS says, serves and asks besides."""
    says = ['/rosout', '/parameter_events', f'/{DIAGNOSTICS.name}']
    serves = [f'{base}/{name}' for name in PARAMETERS]
    if speaks.managed:
        says.append(f'{base}/transition_event')
        serves += [f'{base}/{name}' for name in LIFECYCLE]
    return says, serves, []


def _sorted(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def policy_xml(made: tuple[Enclave, ...]) -> str:
    """Return the policy file of `ros2 security create_permission`."""
    root = ElementTree.Element('policy', version='0.2.0')
    parent = ElementTree.SubElement(root, 'enclaves')
    for enclave in made:
        profiles = ElementTree.SubElement(ElementTree.SubElement(parent, 'enclave', path=enclave.path), 'profiles')
        for profile in enclave.profiles:
            row = ElementTree.SubElement(profiles, 'profile', ns=profile.namespace, node=profile.node)
            for names, group, right in (
                (profile.hears, 'topic', 'subscribe'), (profile.says, 'topic', 'publish'),
                (profile.serves, 'service', 'reply'), (profile.asks, 'service', 'request'),
                (profile.calls, 'action', 'call'), (profile.executes, 'action', 'execute'),
            ):  # fmt: skip
                if names:
                    _list(ElementTree.SubElement(row, f'{group}s', {right: 'ALLOW'}), group, names)
    return _text(root)


def wire(enclave: Enclave) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the DDS topics an enclave may publish, and those it may subscribe to."""
    says, hears = {DISCOVERY}, {DISCOVERY}
    for profile in enclave.profiles:
        says |= {f'rt{name}' for name in profile.says}
        hears |= {f'rt{name}' for name in profile.hears}
        served = [*profile.serves, *(f'{a}/_action/{s}' for a in profile.executes for s in ACTION_SERVICES)]
        asked = [*profile.asks, *(f'{a}/_action/{s}' for a in profile.calls for s in ACTION_SERVICES)]
        for name in served:
            says.add(f'rr{name}Reply')
            hears.add(f'rq{name}Request')
        for name in asked:
            says.add(f'rq{name}Request')
            hears.add(f'rr{name}Reply')
        told = ('feedback', 'status')
        says |= {f'rt{name}/_action/{part}' for name in profile.executes for part in told}
        hears |= {f'rt{name}/_action/{part}' for name in profile.calls for part in told}
    return tuple(sorted(says)), tuple(sorted(hears))


def permissions_xml(enclave: Enclave, domain: int, begin: datetime, end: datetime) -> str:
    """Return the permissions of an enclave in a ROS domain, valid from `begin` to `end`. What is not named, is not."""
    root = _dds('omg_shared_ca_permissions.xsd')
    grant = ElementTree.SubElement(ElementTree.SubElement(root, 'permissions'), 'grant', name=enclave.path)
    ElementTree.SubElement(grant, 'subject_name').text = f'CN={enclave.path}'
    validity = ElementTree.SubElement(grant, 'validity')
    for name, time in (('not_before', begin), ('not_after', end)):
        ElementTree.SubElement(validity, name).text = time.strftime('%Y-%m-%dT%H:%M:%S')
    rule = ElementTree.SubElement(grant, 'allow_rule')
    _list(ElementTree.SubElement(rule, 'domains'), 'id', (str(domain),))
    for way, names in zip(('publish', 'subscribe'), wire(enclave), strict=True):
        _list(ElementTree.SubElement(ElementTree.SubElement(rule, way), 'topics'), 'topic', names)
    ElementTree.SubElement(grant, 'default').text = 'DENY'
    return _text(root)


def governance_xml(domain: int) -> str:
    """Return the governance of a ROS domain: nobody without a certificate, all encrypted and access controlled."""
    root = _dds('omg_shared_ca_governance.xsd')
    rule = ElementTree.SubElement(ElementTree.SubElement(root, 'domain_access_rules'), 'domain_rule')
    _list(ElementTree.SubElement(rule, 'domains'), 'id', (str(domain),))
    for name, value in (
        ('allow_unauthenticated_participants', 'false'), ('enable_join_access_control', 'true'),
        ('discovery_protection_kind', 'ENCRYPT'), ('liveliness_protection_kind', 'ENCRYPT'),
        ('rtps_protection_kind', 'SIGN'),
    ):  # fmt: skip
        ElementTree.SubElement(rule, name).text = value
    topic = ElementTree.SubElement(ElementTree.SubElement(rule, 'topic_access_rules'), 'topic_rule')
    for name, value in (
        ('topic_expression', '*'), ('enable_discovery_protection', 'true'), ('enable_liveliness_protection', 'true'),
        ('enable_read_access_control', 'true'), ('enable_write_access_control', 'true'),
        ('metadata_protection_kind', 'ENCRYPT'), ('data_protection_kind', 'ENCRYPT'),
    ):  # fmt: skip
        ElementTree.SubElement(topic, name).text = value
    return _text(root)


def validity(days: int) -> tuple[datetime, datetime]:
    """Return from when to when permissions hold that are made now; a day back for clocks that are behind."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    return now - timedelta(days=1), now + timedelta(days=days)


def allowed(enclave: Enclave, row: Topic, way: str) -> list[str]:
    """Return the full names of a topic row that an enclave may `publish` or `subscribe` to."""
    names = wire(enclave)[0 if way == 'publish' else 1]
    return [name[2:] for name in names if name.startswith('rt/') and name.rpartition('/')[2] == row.name]


def _dds(schema: str) -> ElementTree.Element:
    space = 'http://www.omg.org/spec/DDS-SECURITY/20170901/'
    return ElementTree.Element('dds', {'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
                                       'xsi:noNamespaceSchemaLocation': space + schema})  # fmt: skip


def _list(parent: ElementTree.Element, name: str, texts) -> None:
    for text in texts:
        ElementTree.SubElement(parent, name).text = text


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding='unicode') + '\n'

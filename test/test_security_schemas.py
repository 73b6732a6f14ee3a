"""Generated policies of SROS 2 against schemas: those of an installed sros2 where there is one, and its rules in short.

The schemas of sros2 (policy.xsd) and of DDS Security 1.1 (permissions.xsd, governance.xsd) are not ours to ship: they
are those of an installed sros2, or in the folder that HEARTHGRID_SROS2_SCHEMAS names. What they say of the parts we
write stands here besides, as a RELAX NG grammar, so that every run looks.
"""
import importlib.util
import os
from pathlib import Path

import pytest
from lxml import etree

from hearthgrid.bringup import Options
from hearthgrid.security import enclaves, governance_xml, permissions_xml, policy_xml, validity
from hearthgrid_ros.home import parse

HOME = """
outlets: [{id: kettle}, {id: lamp}]
battery: {capacity_kwh: 10, power_max: 4000}
gateway: {host: h, ca: a, certificate: c, key: k, plugs: [{id: plug, family: tasmota, topic: t}]}
notify: {channels: [{name: phone}]}
market: {prices: awattar}
grid_service: {url: "https://u.example", ven_name: me}
"""
MADE = [enclaves(parse(HOME), Options('home.yaml', 'state', each=each, simulation=simulation))
        for each in (False, True) for simulation in (False, True)]
NG = 'xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"'


def element(name: str, *inside: str) -> str:
    return f'<element name="{name}">{"".join(inside) or "<empty/>"}</element>'


def some(*inside: str, at_least: int = 0) -> str:
    kind = 'oneOrMore' if at_least else 'zeroOrMore'
    return f'<{kind}>{"".join(inside)}</{kind}>'


def one_of(*values: str) -> str:
    return f'<choice>{"".join(f"<value>{value}</value>" for value in values)}</choice>'


def attribute(name: str, inside: str, needed: bool = True) -> str:
    made = f'<attribute name="{name}">{inside}</attribute>'
    return made if needed else f'<optional>{made}</optional>'


def data(kind: str, pattern: str = '') -> str:
    inside = f'<param name="pattern">{pattern}</param>' if pattern else ''
    return f'<data type="{kind}">{inside}</data>'


TEXT, NAME = data('string'), data('string', r'/?[A-Za-z_][A-Za-z0-9_]*(/([A-Za-z_][A-Za-z0-9_]*|\*))*')
RIGHT = one_of('ALLOW', 'DENY')


def group(name: str, *rights: str) -> str:
    return element(f'{name}s', *(attribute(right, RIGHT, False) for right in rights),
                   some(element(name, NAME), at_least=1))


POLICY = element('policy', attribute('version', one_of('0.2.0')), element('enclaves', some(element(
    'enclave', attribute('path', data('string', r'/[A-Za-z0-9_./]*')), element('profiles', some(element(
        'profile', attribute('ns', TEXT), attribute('node', TEXT), some(
            '<choice>', group('topic', 'publish', 'subscribe'), group('service', 'request', 'reply'),
            group('action', 'call', 'execute'), '</choice>')), at_least=1))), at_least=1)))
LOCATION = ('<attribute><name ns="http://www.w3.org/2001/XMLSchema-instance">noNamespaceSchemaLocation</name>'
            '</attribute>')
DOMAINS = element('domains', some(element('id', data('nonNegativeInteger')), at_least=1))
WAY = element('topics', some(element('topic', data('string', r'(rt|rq|rr)?/?[A-Za-z0-9_/*]+')), at_least=1))
PERMISSIONS = element('dds', LOCATION, element('permissions', some(element(
    'grant', attribute('name', TEXT), element('subject_name', TEXT),
    element('validity', element('not_before', data('dateTime')), element('not_after', data('dateTime'))),
    some(element('allow_rule', DOMAINS, element('publish', WAY), element('subscribe', WAY)), at_least=1),
    element('default', RIGHT)), at_least=1)))
BOOLEAN, PROTECTION = data('boolean'), one_of('NONE', 'SIGN', 'ENCRYPT', 'SIGN_WITH_ORIGIN_AUTHENTICATION',
                                              'ENCRYPT_WITH_ORIGIN_AUTHENTICATION')
GOVERNANCE = element('dds', LOCATION, element('domain_access_rules', some(element(
    'domain_rule', DOMAINS, element('allow_unauthenticated_participants', BOOLEAN),
    element('enable_join_access_control', BOOLEAN), element('discovery_protection_kind', PROTECTION),
    element('liveliness_protection_kind', PROTECTION), element('rtps_protection_kind', PROTECTION),
    element('topic_access_rules', some(element(
        'topic_rule', element('topic_expression', TEXT), element('enable_discovery_protection', BOOLEAN),
        element('enable_liveliness_protection', BOOLEAN), element('enable_read_access_control', BOOLEAN),
        element('enable_write_access_control', BOOLEAN), element('metadata_protection_kind', PROTECTION),
        element('data_protection_kind', one_of('NONE', 'SIGN', 'ENCRYPT'))), at_least=1))), at_least=1)))
RULES = {'policy': POLICY, 'permissions': PERMISSIONS, 'governance': GOVERNANCE}


def documents(made) -> list[tuple[str, str]]:
    return [('policy', policy_xml(made)), ('governance', governance_xml(7)),
            *(('permissions', permissions_xml(enclave, 7, *validity(10))) for enclave in made)]


def rules(kind: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.fromstring(RULES[kind].replace('<element', f'<element {NG}', 1)))


@pytest.mark.parametrize('made', MADE, ids=lambda made: f'{len(made)} enclaves')
def test_every_generated_file_keeps_the_rules_of_its_kind(made):
    checks = {kind: rules(kind) for kind in RULES}
    for kind, text in documents(made):
        checks[kind].assertValid(etree.fromstring(text.encode()))
    assert len(made) >= 4


@pytest.mark.parametrize('kind, right, wrong', [
    ('policy', '0.2.0', '0.1.0'), ('policy', '"ALLOW"', '"MAYBE"'), ('policy', '<profiles>', '<profiles><x/>'),
    ('policy', '<topic>/', '<topic>//'),
    ('governance', '<rtps_protection_kind>SIGN<', '<rtps_protection_kind>YES<'),
    ('governance', '<enable_read_access_control>true</enable_read_access_control>', ''),
    ('permissions', '<default>DENY</default>', ''), ('permissions', '<default>DENY', '<default>NO'),
    ('permissions', '<not_before>', '<not_before>on '), ('permissions', '<id>7', '<id>-7')])
def test_what_breaks_them_is_noticed(kind, right, wrong):
    text = next(text for name, text in documents(MADE[0]) if name == kind)
    assert right in text
    assert not rules(kind).validate(etree.fromstring(text.replace(right, wrong, 1).encode()))


def schemas() -> Path | None:
    if folder := os.environ.get('HEARTHGRID_SROS2_SCHEMAS'):
        return Path(folder)
    found = importlib.util.find_spec('sros2')
    return Path(found.origin).parent / 'policy' / 'schemas' if found else None


class XmlSpace(etree.Resolver):
    """What policy.xsd imports from a web address: the attributes of XML itself, of which it uses one."""

    def resolve(self, url, id, context):
        if url and url.endswith('/xml.xsd'):
            return self.resolve_string(
                '<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">'
                '<attribute name="base" type="anyURI"/></schema>', context)
        return None


@pytest.mark.skipif(schemas() is None, reason='sros2 is not installed and HEARTHGRID_SROS2_SCHEMAS names no folder')
def test_every_generated_file_is_valid_by_the_schemas_of_sros2():
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(XmlSpace())
    checks = {kind: etree.XMLSchema(etree.parse(str(next(schemas().rglob(f'{kind}.xsd'))), parser)) for kind in RULES}
    for made in MADE:
        for kind, text in documents(made):
            checks[kind].assertValid(etree.fromstring(text.encode()))

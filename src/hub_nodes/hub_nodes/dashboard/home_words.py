"""Values of the home file as a person reads and types them, and what is wrong with one in words."""
import math
import re

import yaml
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from hearthgrid_ros.home import DAYS
from hub_nodes.dashboard.home_fields import ANY, NUMBER, POINT, RULES, SPAN, STEPS, SWITCH, WORDS, Field

SHORT = tuple(day[:3] for day in DAYS)
CLOCK = r'\d{1,2}:\d{2}'
RULE = re.compile(rf'(?P<days>[a-z,\- ]+?)\s+(?P<start>{CLOCK})\s*-\s*(?P<end>{CLOCK})\s+(?P<switch>on|off)'
                  r'(?:\s+(?P<watts>[\d.]+)\s*w)?\Z')
PATTERNS = {  # what a pattern means, by the name of what it is for
    'id': 'small letters, digits and _, beginning with a letter', 'currency': 'three capital letters, e.g. EUR',
    'topic': 'no #, + or leading /', 'endpoint': 'letters, digits and _', 'discovery': 'small letters, digits and _',
    'area': 'letters, digits and -', 'start': 'a time of day, e.g. 06:30', 'end': 'a time of day, e.g. 06:30',
    'url': 'an address that begins with https://'}
PATTERNS |= {'name': PATTERNS['id'], 'base': PATTERNS['id'], 'prices_url': PATTERNS['url'],
             'weather_url': PATTERNS['url']}


def said(value, field: Field) -> str:
    """Return a value of the file's model as the form shows it."""
    if value is None:
        return ''
    if field.kind == STEPS:
        return ', '.join(f'{step.start} {step.price:g}' for step in value)
    if field.kind == RULES:
        return '; '.join(map(_rule, value))
    if field.kind == SPAN:
        return f'{value.start}-{value.end}'
    if field.kind == WORDS:
        return ', '.join(value)
    if field.kind == POINT:
        return ', '.join(f'{one:g}' for one in value)
    if field.kind == SWITCH:
        return 'yes' if value else 'no'
    if field.kind == ANY:
        return scalar(value)
    return f'{value:.10g}' if isinstance(value, float) else str(value)


def scalar(value) -> str:
    """Return a value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf).removesuffix('\n').removesuffix('\n...')


def read(text: str, field: Field):
    """Return what is written into the file for a text. ValueError, for people, when it is none."""
    if field.kind == STEPS:
        return [_step(one) for one in _parts(text, ',')]
    if field.kind == RULES:
        return [_read_rule(one) for one in _parts(text, ';')]
    if field.kind == SPAN:
        return _span(text) if text else None
    if field.kind == WORDS:
        return [plain(one) for one in _parts(text, ',')]
    if field.kind == POINT:
        return _point(text)
    if field.kind == NUMBER or field.name == 'frequency':
        return _number(text)
    if field.kind == SWITCH:
        return text == 'yes'
    if field.kind == ANY:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            raise ValueError('this cannot be read; put a text in quotes') from None
    return plain(text)


def plain(text: str) -> str:
    """Return a text that is read back as one: quoted where YAML would take it for something else (no, 12:30)."""
    try:
        same = yaml.safe_load(text) == text
    except yaml.YAMLError:
        same = False
    return text if same else DoubleQuotedScalarString(text)


def wrong(error: dict) -> str:
    """Return what the model says of a value, for people."""
    names = [part for part in error['loc'] if isinstance(part, str)]
    if names[-1:] == ['channels'] and error['type'] in ('missing', 'too_short', 'list_type'):
        return 'a channel is needed, below'
    if error['type'] == 'missing':
        return 'this is needed'
    if error['type'] == 'too_short' and names:
        return f'{names[-1]}: one at least is needed'
    if error['type'] == 'string_pattern_mismatch' and names and names[-1] in PATTERNS:
        return PATTERNS[names[-1]]
    return error['msg'].removeprefix('Value error, ')


def _parts(text: str, separator: str) -> list[str]:
    return [one for one in map(str.strip, text.split(separator)) if one]


def _number(text: str) -> float | int:
    try:
        number = float(text)
        return int(number) if number.is_integer() else number
    except (ValueError, OverflowError):
        raise ValueError('this is no number' if text else 'a number is needed') from None


def _step(text: str) -> dict:
    start, _, price = text.partition(' ')
    try:
        return {'start': DoubleQuotedScalarString(start), 'price': float(price)}
    except ValueError:
        raise ValueError(f'{text[:20]!r} is no time and price, e.g. 06:00 0.32') from None


def _span(text: str) -> dict:
    if not re.fullmatch(rf'{CLOCK}\s*-\s*{CLOCK}', text):
        raise ValueError('two times with - between, e.g. 22:00-07:00')
    start, end = (DoubleQuotedScalarString(one.strip()) for one in text.split('-'))
    return {'start': start, 'end': end}


def _point(text: str) -> list:
    try:
        found = [_number(one) for one in _parts(text, ',')]
    except ValueError:
        found = []
    if len(found) != 3:
        raise ValueError('three numbers with commas, e.g. 1.0, 2.5, 0.3')
    return found


def _rule(rule) -> str:
    """Return a weekly rule in words: 'mon-fri 22:00-06:00 off'."""
    cap = '' if math.isinf(rule.power_max) else f' {rule.power_max:g} W'
    return f'{days_said({DAYS.index(day) for day in rule.days})} {rule.start}-{rule.end} ' \
           f'{"on" if rule.switch else "off"}{cap}'


def days_said(days: set[int]) -> str:
    """Return days of the week, 0 = Monday, in short: 'daily', 'mon-fri', 'tue,sun'."""
    if len(days) == len(DAYS):
        return 'daily'
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ','.join(SHORT[run[0]] if len(run) == 1 else f'{SHORT[run[0]]}{"-" if len(run) > 2 else ","}{SHORT[run[-1]]}'
                    for run in runs)


def _read_rule(text: str) -> dict:
    found = RULE.match(text.lower())
    if found is None:
        raise ValueError(f'{text[:40]!r} is no rule, e.g. mon-fri 22:00-06:00 off')
    days = _days(found['days'])
    rule: dict = {} if len(days) == len(DAYS) else {'days': [DAYS[day] for day in sorted(days)]}
    rule |= {'start': DoubleQuotedScalarString(found['start']), 'end': DoubleQuotedScalarString(found['end']),
             'switch': found['switch'] == 'on'}
    return rule | ({'power_max': _number(found['watts'])} if found['watts'] else {})


def _days(text: str) -> set[int]:
    days: set[int] = set()
    for one in re.split(r'[,\s]+', text.strip()):
        first, _, last = one.partition('-')
        if one == 'daily':
            return set(range(len(DAYS)))
        if first[:3] not in SHORT or (last and last[:3] not in SHORT):
            raise ValueError(f'{one[:20]!r} is no day: mon, tue, wed, thu, fri, sat, sun or daily')
        begin = SHORT.index(first[:3])
        length = (SHORT.index(last[:3]) - begin) % 7 if last else 0
        days |= {(begin + i) % 7 for i in range(length + 1)}
    return days

"""Write `app/entities.h`: the topics, services and actions of an outlet in C, from the one interface table.

`python tools/entities.py` rewrites the file; `python tools/entities.py -` prints it. A test holds the file to this.
`counts()` is what a middleware with static memory has to be built for.
"""
import sys
from dataclasses import replace
from pathlib import Path

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from hearthgrid_ros import interfaces

FILE = Path(__file__).resolve().parents[1] / 'app' / 'entities.h'
PUBLISHERS = (interfaces.READINGS, interfaces.SIGNATURES, interfaces.WAVEFORMS, interfaces.STATES, interfaces.RELAYS,
              interfaces.JOBS, interfaces.ISLAND, interfaces.BALLOTS, interfaces.DIAGNOSTICS)
# Made when there is something to say and gone with it: a word of many speakers, which no late joiner must hear twice.
SPOKEN = (replace(interfaces.IDENTITIES, quality=interfaces.STATE_EACH),)
SUBSCRIPTIONS = (interfaces.REQUEST, interfaces.TIE, interfaces.BALLOTS, interfaces.IDENTITIES, interfaces.LABELS)
SIMULATED = (interfaces.ADC,)  # subscribed only where no converter gives samples
SERVICES = (interfaces.GET_SCHEDULE, interfaces.SET_SCHEDULE, interfaces.SET_PRIORITY, interfaces.RESET_TRIP,
            interfaces.CAPTURE_WAVEFORM)
ACTIONS = (interfaces.RUN_JOB,)  # three services and two topics each
READER_DEPTH_MAX = 32  # of a reader here: it hears one home, not a hub's fan-in


def counts() -> dict[str, int]:
    """Return how many entities an outlet on a board makes; an action is three services and two publishers."""
    return {'nodes': 1, 'publishers': len(PUBLISHERS) + len(SPOKEN) + 2 * len(ACTIONS),
            'subscriptions': len(SUBSCRIPTIONS), 'services': len(SERVICES) + 3 * len(ACTIONS), 'clients': 0,
            'actions': len(ACTIONS), 'history': max(_depth(row) for row in SUBSCRIPTIONS)}


def _depth(row) -> int:
    return min(row.quality.reader_depth, READER_DEPTH_MAX)


def _topics(name: str, rows, writer: bool) -> list[str]:
    lines = [f'#define {name}(X) \\']
    made = []
    for row in rows:
        package, kind = row.type.__module__.split('.')[0], row.type.__name__
        depth = row.quality.writer_depth if writer else _depth(row)
        reliable = int(row.quality.reliability is ReliabilityPolicy.RELIABLE)
        kept = int(row.quality.durability is DurabilityPolicy.TRANSIENT_LOCAL)
        made.append(f'  X({_constant(row)}, {package}, {kind}, "{row.name}", HG_SCOPE_{row.scope.name}, {reliable}, '
                    f'{kept}, {depth})')
    return lines + [' \\\n'.join(made), '']


def _services(name: str, rows) -> list[str]:
    made = [f'  X({_constant(row)}, {row.type.__module__.split(".")[0]}, {row.type.__name__}, "{row.name}", '
            f'HG_SCOPE_{row.scope.name})' for row in rows]
    return [f'#define {name}(X) \\', ' \\\n'.join(made), '']


def _constant(row) -> str:
    return next(name for name, value in vars(interfaces).items()
                if getattr(value, 'name', None) == row.name and getattr(value, 'type', None) is row.type)


def _actions(name: str, rows) -> list[str]:
    """An action as what it is made of: services of questions, and topics of answers under its name."""
    made = [f'  X({_constant(row)}, {row.type.__module__.split(".")[0]}, {row.type.__name__}, "{row.name}/_action", '
            f'HG_SCOPE_{row.scope.name})' for row in rows]
    return [f'#define {name}(X) \\', ' \\\n'.join(made), '']


def text() -> str:
    """Return the header."""
    lines = ['/* Topics and services of an outlet. Written by tools/entities.py from hearthgrid_ros/interfaces.py. */',
             '#ifndef HEARTHGRID_ENTITIES_H', '#define HEARTHGRID_ENTITIES_H', '',
             'typedef enum { HG_SCOPE_HOME = 0, HG_SCOPE_OUTLET, HG_SCOPE_GLOBAL } hg_scope_t;', '',
             '/* X(constant, package, type, name, scope, reliable, kept for late joiners, depth) */',
             *_topics('HG_PUBLISHERS', PUBLISHERS, True),
             '/* Published only while it speaks for itself. */', *_topics('HG_SPOKEN', SPOKEN, True),
             *_topics('HG_SUBSCRIPTIONS', SUBSCRIPTIONS, False),
             '/* Where no converter gives samples. */', *_topics('HG_SIMULATED', SIMULATED, False),
             '/* X(constant, package, type, name, scope) */', *_services('HG_SERVICES', SERVICES),
             '/* … of an action, whose entities stand below this name */', *_actions('HG_ACTIONS', ACTIONS)]
    lines += [f'#define HG_COUNT_{name.upper()} {count}' for name, count in counts().items()]
    return '\n'.join([*lines, '', '#endif', ''])


if __name__ == '__main__':
    if sys.argv[1:] == ['-']:
        sys.stdout.write(text())
    else:
        FILE.write_text(text(), encoding='utf-8')

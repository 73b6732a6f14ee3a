"""The reference pages, made from the tables themselves: they cannot go out of date unnoticed (a test compares)."""

from dataclasses import fields

from hearthgrid.bringup import HUB, NodeSpec
from hearthgrid_ros import interfaces as rows

NODES = (
    ('outlet', 'outlet_node.outlet:OutletNode'),
    ('consensus', 'outlet_node.consensus:ConsensusNode'),
    *((name, target) for name, target, _ in HUB),
    ('world', 'sim_nodes.world:WorldNode'),
)


def interface_rows() -> list[dict[str, str]]:
    """Return every row of the interface table as text."""
    qualities = {id(value): name for name, value in vars(rows).items() if isinstance(value, rows.Quality)}
    return [
        {
            'name': row.name,
            'type': f'{row.type.__module__.split(".")[0]}/{row.type.__name__}',
            'scope': row.scope.value,
            'quality': qualities[id(row.quality)] if isinstance(row, rows.Topic) else
            type(row).__name__.lower() + ', permitted' * row.guarded,
            'doc': row.doc,
        }
        for row in rows.TABLE
    ]


def interfaces_page() -> str:
    """Return docs/interfaces.md."""
    lines = [
        '# Interfaces',
        '',
        'Made by `hearthgrid interfaces --markdown` from `hearthgrid_ros/interfaces.py`.',
        '',
        'Scope *home*: `/<home>/<name>`, one topic for all outlets, their id in the message. Scope *outlet*: '
        '`/<home>/<outlet>/<name>`. *Permitted*: in a home with keys a call needs a signed word '
        '([security](security.md)).',
        '',
        '| name | type | scope | quality of service | what |',
        '| --- | --- | --- | --- | --- |',
    ]
    lines += [f'| `{r["name"]}` | {r["type"]} | {r["scope"]} | {r["quality"]} | {r["doc"]} |' for r in interface_rows()]
    lines += ['', '| quality | reliability | durability | depth writer / reader |', '| --- | --- | --- | --- |']
    for name, q in vars(rows).items():
        if isinstance(q, rows.Quality):
            lines.append(
                f'| {name} | {q.reliability.name.lower().replace("_", " ")} | '
                f'{q.durability.name.lower().replace("_", " ")} | {q.writer_depth} / {q.reader_depth} |'
            )
    return '\n'.join(lines) + '\n'


def parameters() -> dict[str, list[dict]]:
    """Return every setting of every node: name, default, unit, low, high, choices, description."""
    return {
        name: [
            {'name': f.name, 'default': f.default, **f.metadata}
            for f in fields(NodeSpec('', '', target, '', '').load().settings_class)
        ]
        for name, target in NODES
    }


def parameters_page() -> str:
    """Return docs/parameters.md."""
    lines = [
        '# Parameters',
        '',
        'Made by `hearthgrid parameters --markdown` from the settings classes. Set them in the home file '
        'under `nodes:`, by node name (`plan:`) or for one outlet (`kettle/outlet:`).',
    ]
    for name, target in NODES:
        settings = NodeSpec('', '', target, '', '').load().settings_class
        lines += [
            '',
            f'## {name}',
            '',
            '| parameter | default | unit | bounds | what |',
            '| --- | --- | --- | --- | --- |',
        ]
        for f in fields(settings):
            m = f.metadata
            bounds = ' '.join(m['choices']) if m['choices'] else '' if m['low'] is None else f'{m["low"]} … {m["high"]}'
            lines.append(f'| `{f.name}` | `{f.default!r}` | {m["unit"]} | {bounds} | {m["description"]} |')
    return '\n'.join(lines) + '\n'

"""What each red or yellow light of a node means, and what to do about it.

A light is a check of a node's health (`/diagnostics`). `LIGHTS` has every one there is (a test reads the sources), by
its node and name, or by its name alone where it means the same everywhere. Of `plug fridge` the first word counts.
"""

from collections.abc import Iterable

MEMORY = (
    'The node goes on, but what it learns or counts now is lost when it ends.',
    'Look whether the disk is full (`df`) and whether the state folder belongs to the user who runs the home; a file '
    'that was put aside ends in `.bad-…` and may be deleted once looked at.',
)
REFUSED = (
    'A message came that cannot be true or does not fit the home; it was left out.',
    'Look which sender the text names: a wrong clock, a device twice on the network, or a program of another version.',
)
LIGHTS: dict[str, tuple[str, str]] = {
    # the outlets
    'outlet: samples': (
        'No samples come from the converter: the outlet does not see its load and cannot protect it.',
        'Look whether its process or device runs (`hearthgrid status`) and restart it; in a simulated home look at '
        '`world: pace`.',
    ),
    'outlet: protection': (
        'The outlet has switched itself off for safety, or current flows although its relay is open.',
        'Unplug the device. The text says why; find the reason (overload, heat, a welded relay), then switch on again '
        'by hand. An outlet with current through an open relay must be replaced.',
    ),
    'outlet: storage': MEMORY,
    'outlet: devices': (
        'The outlet cannot keep or use the models of its own devices; the hub still identifies.',
        'Look at the text: a damaged file in the state folder may be deleted, the outlet learns anew.',
    ),
    'consensus: memory': (
        'The member cannot keep its vote over a restart, so it takes no part in elections after one.',
        'Look whether the disk is full and whether the state folder can be written.',
    ),
    'consensus: supply': (
        'The home is cut from the grid, has no leader, or does not know whether the grid is there.',
        'In an outage this is as it must be. Otherwise look at the tie, and whether a majority of the committee runs '
        '(`hearthgrid status`).',
    ),
    'keys': (
        'The key file is missing, cannot be read by this user alone, or lacks the key of an outlet: commands are '
        'refused.',
        'Make or renew the keys (docs/security.md) and restart; the file must belong to the user who runs the home, '
        'mode 600.',
    ),
    # the store
    'store: database': (
        'The database cannot be written (full disk, no rights, server gone, made by a newer version), or it is only '
        'kept until the node ends. Readings wait in memory up to `queue`, events without bound.',
        'Read the text: make room, start the database server, give rights, or set `state_dir`. It is tried again every '
        'second; nothing else need be done.',
    ),
    'store: server': (
        'InfluxDB or VictoriaMetrics is away or does not take some lines. Readings wait in the home’s own file; '
        'nothing is lost until that reaches `size_max`.',
        'Start the server, or mend what the text names: name and password, its database, its retention. Where it says '
        'that TimescaleDB is not used, tables are plain ones: nothing is lost.',
    ),
    'store: queue': (
        'The database was away for so long that the oldest waiting readings had to go. No event is ever dropped.',
        'Mend the database (the light above); a larger `queue` bridges longer.',
    ),
    'input': REFUSED,
    # identification and anomalies
    'identify: model': (
        'The trained model cannot be read; devices are identified from what people labelled alone.',
        'Train anew (`hearthgrid train`) or take the file away.',
    ),
    'identify: library': (
        'The library of devices cannot be read; types are still found, models are not.',
        'Restore `config/models.yaml`, or take the setting away.',
    ),
    'identify: learning': (
        'The last labels could not be learned; the model before answers on.',
        'Look at the text; withdraw the label that was given last if it is wrong. Report it when it stays.',
    ),
    'identify: knowledge': ('What is known.', 'Nothing.'),
    'anomaly: watch': ('What is watched.', 'Nothing.'),
    'state': MEMORY,
    # forecast and plan
    'forecast: forecast': (
        'There is no forecast yet: it waits for readings of the grid meter.',
        'Look whether the meter is heard (`hearthgrid status`); a minute after that it is made.',
    ),
    'forecast: prices': (
        'A list of prices was refused; the last good one holds.',
        'Look at the source of prices (`market: prices`, or the utility).',
    ),
    'forecast: price past': (
        'The past of prices cannot be read, so prices beyond those that are known are guessed from less.',
        'Nothing urgent: it fills by itself. Look at the text where it stays.',
    ),
    'forecast: weather': (
        'A weather forecast was refused; the last good one holds.',
        'Look at the source of weather (`market: weather`).',
    ),
    'forecast: learned': ('From how much past it is learned.', 'Nothing; it grows.'),
    'plan: plan': (
        'No plan can be made, it waits for forecasts or prices, or it does not bind (an outage, a limit). Outlets keep '
        'their schedules and the last plan until it ends.',
        'Read what it waits for. “infeasible” names a job or a limit that cannot be met: move its deadline.',
    ),
    'plan: battery': (
        'The battery is not steered.',
        'Look whether its inverter answers and whether the home is cut from the grid.',
    ),
    'plan: batteries': (
        'A battery of the home does not tell its charge, so the plan goes on without it.',
        'Look at the process of that inverter and at its connection; it is planned again with its first word.',
    ),
    'plan: import limit': (
        'Outlets are switched off to keep under the fuse or the grid’s limit.',
        'Nothing, if short. Otherwise fewer things at once, or raise `supply.import_max` if the fuse allows.',
    ),
    'plan: forecasts': REFUSED,
    'plan: prices': REFUSED,
    'plan: jobs': REFUSED,
    'plan: grid limit': REFUSED,
    # utility, market, voltage
    'grid_service: server': (
        'The utility’s server does not answer or refuses us; what it told before holds until its end.',
        'Look at the address, the network, and name and password in the home file.',
    ),
    'grid_service: events': (
        'An event of the utility cannot be used.',
        'Look at the text; tell the utility where its event is wrong.',
    ),
    'grid_service: prices': REFUSED,
    'grid_service: delivered': ('What was delivered in the running event.', 'Nothing.'),
    'grid_service: baseline': (
        'There is too little past to say what the home would have used without an event.',
        'It is known after some days of readings.',
    ),
    'grid_service: memory': MEMORY,
    'grid_service: certificate': (
        'The certificate for the utility cannot be read, ends soon, or has ended.',
        'Ask the utility for a new one and put it where the home file says.',
    ),
    'market: prices': (
        'The source of prices does not answer, is in another currency, or what is known is over.',
        'Look at the network and the section `market` of the home file; until then the plan uses what is known.',
    ),
    'market: weather': (
        'The source of weather does not answer, or what is known is over.',
        'Look at the network and the section `market` of the home file.',
    ),
    'market: cache': MEMORY,
    'voltage: voltage': (
        'The regulator is not steered: another one does it, or what is needed is not heard.',
        'Read the text; take the other one off, or look why outlets or regulator are silent.',
    ),
    'voltage: regulator': (
        'The regulator says what cannot be used.',
        'Look at its clock and its data; it is not commanded meanwhile.',
    ),
    'voltage: readings': REFUSED,
    # people
    'dashboard: page': (
        'The page is not served.',
        'Look whether another program has its port (`hearthgrid up --port`); the process is restarted by itself.',
    ),
    'dashboard: readings': (
        'Some or all outlets are not heard, so the page shows what was.',
        'Look whether the outlets run (`hearthgrid status`).',
    ),
    'notify: channels': (
        'Nobody is told of anything, or the addresses cannot be read.',
        'Write the section `notify` of the home file; secrets must be readable by the home’s user.',
    ),
    'notify: channel': (
        'A message could not be delivered; it is tried again.',
        'Look at the text and press the test button on the page; correct the address.',
    ),
    'gateway: broker': (
        'The MQTT broker is away or refuses us: plugs are neither heard nor switched.',
        'Start the broker; look at address, certificate, name and password in the section `gateway`.',
    ),
    'gateway: plug': (
        'A plug is not reachable.',
        'Look whether it has power and is in the network.',
    ),
    'markers: picture': (
        'No outlet is heard, so rviz shows nothing.',
        'Look whether the outlets run (`hearthgrid status`).',
    ),
    # the simulated world
    'world: pace': (
        'The simulated world is slower than the clock: samples are left out.',
        'Fewer outlets in one home, or a faster machine.',
    ),
    'world: setpoints': REFUSED,
    'world: regulator': REFUSED,
    'start': ('The node has not said anything yet.', 'Wait some seconds; then look at its log.'),
}


def explain(node: str, check: str) -> tuple[str, str] | None:
    """Return what a light means and what to do, None for one that nobody knows."""
    word = check.split(' ')[0]
    keys = (f'{node}: {check}', f'{node}: {word}', check, word)
    return next((LIGHTS[key] for key in keys if key in LIGHTS), None)


def lines(statuses: Iterable[tuple[str, int, str]]) -> Iterable[tuple[str, str, str]]:
    """Yield (name, level, text) for each light (name as on /diagnostics, level, its own words) that is not green."""
    for name, level, text in sorted(statuses):
        if level == 0:
            continue
        where, _, check = name.partition(': ')
        node = where.rsplit('/', 1)[-1]
        meaning, remedy = explain(node, check) or ('Nobody has written down what this means.', 'Look at its log.')
        yield name, {1: 'warning', 2: 'error'}.get(level, 'warning'), f'{text}\n{meaning}\n→ {remedy}'


def listen(seconds: float) -> dict[str, tuple[int, str]]:
    """Return the lights of all homes on this machine's ROS graph: name → (level, text), heard for so long. [s]"""
    import time

    import rclpy
    from rclpy.node import Node
    from rclpy.signals import SignalHandlerOptions

    from hearthgrid_ros.executor import LeanExecutor
    from hearthgrid_ros.interfaces import DIAGNOSTICS

    heard: dict[str, tuple[int, str]] = {}
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('doctor', context=context, start_parameter_services=False, enable_rosout=False)
    executor = LeanExecutor(context=context)
    executor.add_node(node)
    try:
        DIAGNOSTICS.subscription(
            node, lambda m: heard.update({s.name: (int.from_bytes(s.level, 'little'), s.message) for s in m.status})
        )
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            executor.spin_once(0.1)
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
    return heard

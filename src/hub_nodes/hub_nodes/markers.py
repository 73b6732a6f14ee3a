"""The house for rviz: a cube an outlet, coloured by what it does, with its words above; rooms below; sources beside.

Colours: dark blue stands by, green to red draws (10 W … 3 kW, logarithmic), grey is switched off, magenta has tripped,
translucent is not heard. All markers lie in frame `house`, which needs no transform: make it rviz's fixed frame.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

from geometry_msgs.msg import Point, Vector3
from rclpy.duration import Duration
from sensor_msgs.msg import BatteryState
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from hearthgrid_core.devices.own import supersedes
from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_msgs.msg import Identity, OutletState, Reading
from hearthgrid_ros import home as homes
from hearthgrid_ros.health import OK, STALE
from hearthgrid_ros.interfaces import BATTERY, IDENTITIES, MARKERS, READINGS, STATES
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file
from hearthgrid_ros.time import to_seconds

FRAME = 'house'
OUTLETS, NAMES, ROOMS, SOURCES = NAMESPACES = ('outlets', 'names', 'rooms', 'sources')
QUIET = 5.0           # without a reading for so long, an outlet is shown as not heard [s]
GONE = 30.0           # … and is taken away when the home does not list it [s]
STRANGERS_MAX = 256   # outlets shown that the home does not list
STAND_BY, FULL = 10.0, 3000.0  # power at which the colours begin and end [W]
EDGE, LETTER, MARGIN = 0.35, 0.22, 1.0  # of a cube, a letter, a room around its outlets [m]

Colour = tuple[float, float, float, float]  # red, green, blue, opacity
BLUE, GREY, MAGENTA, WHITE = (0.15, 0.25, 0.5, 1.0), (0.45, 0.45, 0.45, 1.0), (0.9, 0.0, 0.8, 1.0), (1.0, 1.0, 1.0, 1.0)
FLOOR = (0.75, 0.72, 0.65, 0.25)
SOURCE_NAMES = {'grid': 'Grid', 'pv': 'Solar', 'battery': 'Battery'}
SOURCE_SHAPES = {'grid': (Marker.CYLINDER, (0.25, 0.25, 2.5)), 'pv': (Marker.CUBE, (2.0, 1.2, 0.08)),
                 'battery': (Marker.CUBE, (0.7, 0.3, 1.2))}


@dataclass(frozen=True)
class MarkersSettings:
    """How the house is drawn."""

    home_file: str = home_file()
    period: float = setting(1.0, 's', 0.2, 60.0, 'Between two pictures of the house.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass
class Shown:
    """What is known of an outlet or source; times on the node's clock. [s]"""

    title: str
    position: tuple[float, float, float]
    listed: bool            # the home's file names it
    number: int             # the id of its markers
    heard: float = -math.inf
    reading: Reading | None = None
    state: OutletState | None = None
    identity: Identity | None = None


def colour(power: float, state: OutletState | None, heard: bool) -> Colour:
    """Return the colour of an outlet that draws `power` [W] (NaN = not known)."""
    if state is not None and state.trip != OutletState.TRIP_NONE:
        shade = MAGENTA
    elif state is not None and state.relay == OutletState.RELAY_OPEN:
        shade = GREY
    elif not power > STAND_BY:
        shade = BLUE
    else:
        share = min(math.log(power / STAND_BY) / math.log(FULL / STAND_BY), 1.0)
        shade = (min(1.0, 2 * share), min(1.0, 2 - 2 * share), 0.0, 1.0)
    return shade if heard else (*shade[:3], 0.25)


def words(shown: Shown, heard: bool) -> str:
    """Return what stands above an outlet: its name, power, and what it is."""
    power = shown.reading.active_power if shown.reading is not None else math.nan
    lines = [shown.title, watts(power) if heard else 'not heard']
    state, identity = shown.state, shown.identity
    if state is not None and state.trip != OutletState.TRIP_NONE:
        lines.append('tripped')
    elif state is not None and state.relay == OutletState.RELAY_OPEN:
        lines.append('off')
    if identity is not None and identity.state in (Identity.STATE_KNOWN, Identity.STATE_NAMED):
        sure = '' if math.isnan(identity.probability) else f' {100 * identity.probability:.0f} %'
        lines.append((identity.model or identity.type) + sure)
    elif identity is not None and identity.state == Identity.STATE_UNKNOWN:
        lines.append('unknown device')
    return '\n'.join(lines)


def watts(power: float) -> str:
    """Return a power [W] for people."""
    if math.isnan(power):
        return '– W'
    return f'{power / 1000:.2f} kW' if abs(power) >= 1000 else f'{power:.0f} W'


class MarkersNode(HomeNode):
    """Callbacks store; one timer draws everything anew, so that a late or restarted rviz sees all of it."""

    settings_class = MarkersSettings

    def __init__(self, **options) -> None:
        super().__init__('markers', **options)
        self._home = homes.load(self.settings.home_file) if self.settings.home_file else None
        self._outlets: dict[str, Shown] = {}
        self._charge = math.nan
        listed = self._home.outlets if self._home is not None else []
        for outlet in listed:
            self._outlets[outlet.id] = Shown(outlet.title or outlet.id, outlet.position, True, len(self._outlets))
        left = min((o.position[0] for o in listed), default=0.0) - 3 * MARGIN
        self._sources = {name: Shown(title, (left, 2.0 * k, SOURCE_SHAPES[name][1][2] / 2), True, k)
                         for k, (name, title) in enumerate(SOURCE_NAMES.items())}
        self._aside = left, -2 * MARGIN
        self._rooms = self._draw_rooms(listed)
        self._publisher = MARKERS.publisher(self)
        for topic, hear in ((READINGS, self._on_reading), (STATES, self._on_state),
                            (IDENTITIES, self._on_identity), (BATTERY, self._on_battery)):
            topic.subscription(self, hear)
        self.health.before_report(self._report)
        self.create_timer(self.settings.period, self._draw)

    def _on_reading(self, message: Reading) -> None:
        shown = self._sources.get(message.outlet) or self._outlet(message.outlet)
        if shown is not None:
            shown.reading, shown.heard = message, self.now()

    def _on_state(self, message: OutletState) -> None:
        shown = self._outlet(message.outlet)
        if shown is not None:
            shown.state, shown.title = message, message.title or shown.title

    def _on_identity(self, message: Identity) -> None:
        shown = self._outlet(message.outlet)
        held = shown.identity if shown is not None else None
        if shown is not None and (held is None or supersedes(to_seconds(message.stamp), message.recipe,
                                                             to_seconds(held.stamp), held.recipe)):
            shown.identity = message

    def _on_battery(self, message: BatteryState) -> None:
        if message.location in ('', 'battery'):  # the others have no place in the picture
            self._charge = message.percentage

    def _outlet(self, id: str) -> Shown | None:
        """Return an outlet; one the home does not list is set down in a row in front of the house."""
        if id not in self._outlets and id and id not in self._sources:
            taken = {shown.number for shown in self._outlets.values()}
            number = next(n for n in range(len(taken) + 1) if n not in taken)
            place = number - sum(shown.listed for shown in self._outlets.values())
            if place >= STRANGERS_MAX:
                return None
            left, front = self._aside
            self._outlets[id] = Shown(id, (left + 2.0 * (place % 8), front - 2.0 * (place // 8), 0.3), False, number,
                                      heard=self.now())
        return self._outlets.get(id)

    def _draw(self) -> None:
        now = self.now()
        markers = [self._gone(shown, namespace) for shown in self._take_vanished(now) for namespace in (OUTLETS, NAMES)]
        if not self._publisher.get_subscription_count():
            return  # a picture of a hundred outlets takes 5 ms, and most homes have no rviz open
        markers += self._rooms
        for shown in self._outlets.values():
            heard = now - shown.heard < QUIET
            power = shown.reading.active_power if shown.reading is not None else math.nan
            x, y, z = shown.position
            cube = self._marker(OUTLETS, shown.number, Marker.CUBE, shown.position, (EDGE, EDGE, EDGE),
                                colour(power, shown.state, heard))
            markers += [cube, self._text(NAMES, shown.number, (x, y, z + 3 * EDGE), words(shown, heard))]
        for name, shown in self._sources.items():
            if shown.reading is not None:
                markers += self._source(name, shown, now - shown.heard < QUIET)
        self._publisher.publish(MarkerArray(markers=markers))

    def _take_vanished(self, now: float) -> list[Shown]:
        vanished = [id for id, shown in self._outlets.items() if not shown.listed and now - shown.heard > GONE]
        return [self._outlets.pop(id) for id in vanished]

    def _source(self, name: str, shown: Shown, heard: bool) -> list[Marker]:
        shape, size = SOURCE_SHAPES[name]
        x, y, z = shown.position
        power = shown.reading.active_power
        # Given to the house is green, taken from it orange: at the grid, import is positive; the others draw.
        gives = power > 0 if name == 'grid' else power < 0
        shade = (0.2, 0.8, 0.3, 1.0) if gives else (0.95, 0.55, 0.1, 1.0)
        text = f'{shown.title}\n{watts(power) if heard else "not heard"}'
        if name == 'battery' and not math.isnan(self._charge):
            text += f'\n{100 * self._charge:.0f} %'
        shade = shade if heard else (*shade[:3], 0.25)
        return [self._marker(SOURCES, 2 * shown.number, shape, shown.position, size, shade),
                self._text(SOURCES, 2 * shown.number + 1, (x, y, z + size[2] / 2 + 2 * LETTER), text)]

    def _draw_rooms(self, outlets) -> list[Marker]:
        """Return a floor and a name for each room: the rectangle around its outlets."""
        rooms: dict[str, list[tuple[float, float, float]]] = {}
        for outlet in outlets:
            if outlet.room:
                rooms.setdefault(outlet.room, []).append(outlet.position)
        markers = []
        for number, (name, positions) in enumerate(rooms.items()):
            (west, east), (south, north) = ((min(p[axis] for p in positions) - MARGIN,
                                             max(p[axis] for p in positions) + MARGIN) for axis in (0, 1))
            markers += [
                self._marker(ROOMS, 2 * number, Marker.CUBE, ((west + east) / 2, (south + north) / 2, -0.03),
                             (east - west, north - south, 0.05), FLOOR),
                self._text(ROOMS, 2 * number + 1, ((west + east) / 2, south, 0.1), name)]
        return markers

    def _marker(self, namespace: str, number: int, shape: int, position, size, shade: Colour) -> Marker:
        # It fades when this node ends; the stamp stays zero: rviz then takes it as valid now.
        marker = Marker(ns=namespace, id=number, type=shape, action=Marker.ADD,
                        lifetime=Duration(seconds=max(5.0, 3 * self.settings.period)).to_msg(),
                        scale=Vector3(x=size[0], y=size[1], z=size[2]),
                        color=ColorRGBA(r=shade[0], g=shade[1], b=shade[2], a=shade[3]))
        marker.header.frame_id = FRAME
        marker.pose.position = Point(x=position[0], y=position[1], z=position[2])
        marker.pose.orientation.w = 1.0
        return marker

    def _text(self, namespace: str, number: int, position, text: str) -> Marker:
        marker = self._marker(namespace, number, Marker.TEXT_VIEW_FACING, position, (0.0, 0.0, LETTER), WHITE)
        marker.text = text
        return marker

    def _gone(self, shown: Shown, namespace: str) -> Marker:
        marker = Marker(ns=namespace, id=shown.number, action=Marker.DELETE)
        marker.header.frame_id = FRAME
        return marker

    def _report(self) -> None:
        now = self.now()
        silent = sorted(id for id, shown in self._outlets.items() if now - shown.heard >= QUIET)
        alive = len(silent) < len(self._outlets)
        self.health.check('picture', OK if alive else STALE, 'drawn' if alive else 'no outlet is heard',
                          outlets=len(self._outlets), **{'not heard': ' '.join(silent) or 'none'})


def main() -> int:
    """Run the node."""
    return run(MarkersNode)


if __name__ == '__main__':
    raise SystemExit(main())

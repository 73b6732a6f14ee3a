"""The member: watches its own outlet's supply and the tie, and says where it believes the home stands.

First cut: no election, so `term` is 0, `leader` empty, and `epoch` counts the outages this member has seen. It reads
its own outlet's samples rather than everybody's readings: half cycles show an outage within one block, and the cost of
a home grows with its outlets, not with their square.
"""
import numpy as np

from hearthgrid_core.island import GridWatch, Mode, Standing, Supply, Tie, half_cycle_rms
from hearthgrid_core.waveform import WaveformError, fundamental_frequency
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.time import to_msg, to_seconds
from outlet_node import convert
from outlet_node.settings import ConsensusSettings

WATCH_PERIOD = 1.0  # of the timer that notices silence [s]
LEVELS = {Mode.UNKNOWN: STALE, Mode.GRID: OK, Mode.OUTAGE: WARN, Mode.REGULATE: WARN}
WORDS = {msg.Breaker.STATE_OPEN: False, msg.Breaker.STATE_CLOSED: True}


class ConsensusNode(HomeNode):
    """One member's view of the grid, told when it changes."""

    settings_class = ConsensusSettings

    def __init__(self, **options) -> None:
        super().__init__('consensus', **options)
        self.id = self.settings.outlet or self.get_namespace().rstrip('/').rpartition('/')[2] or self.get_name()
        self._watch = GridWatch(self.settings)
        self._tie: Tie | None = None
        self._told: tuple | None = None
        self._bad = 0
        self._level = STALE
        self._publisher = interfaces.ISLAND.publisher(self)
        interfaces.ADC.subscription(self, self._on_samples)
        interfaces.TIE.subscription(self, self._on_tie)
        self.create_timer(WATCH_PERIOD, lambda: self._step(None))

    def _on_samples(self, message: msg.Samples) -> None:
        try:
            supply = self._supply(message)
        except (ValueError, WaveformError) as error:
            self._bad += 1
            if self._bad == 1:
                self.get_logger().warning(f'a block of samples is dropped: {error}')
            return
        self._step(supply)

    def _supply(self, message: msg.Samples) -> Supply:
        """Return the supply a block shows. ValueError or WaveformError when it shows none."""
        if message.outlet != self.id:
            raise ValueError(f'it is of {message.outlet!r}, not of {self.id!r}')
        rate, nominal, scale = message.sampling_rate, message.nominal_frequency, message.voltage_scale
        if not (1e3 < rate < 1e6 and 45.0 <= nominal <= 65.0 and 0.0 < scale < np.inf):
            raise ValueError(f'sampling rate {rate}, nominal frequency {nominal} or voltage scale {scale} cannot be')
        voltage = np.frombuffer(message.voltage, np.int16) * scale
        return Supply(to_seconds(message.stamp), half_cycle_rms(voltage, rate, nominal),
                      fundamental_frequency(voltage, rate, nominal), nominal)

    def _on_tie(self, message: msg.Breaker) -> None:
        known = WORDS.get(message.state)
        self._tie = Tie(to_seconds(message.stamp), known, None if known is None else message.grid_alive)
        self._step(None)

    def _step(self, supply: Supply | None) -> None:
        standing = self._watch.step(self.now(), supply, self._tie)
        told = standing.mode, standing.epoch, standing.since
        if told == self._told:
            return
        self._told = told
        self._tell(standing)

    def _tell(self, standing: Standing) -> None:
        self._publisher.publish(msg.IslandMode(
            stamp=to_msg(standing.since), member=self.id, mode=standing.mode, epoch=standing.epoch, term=0, leader='',
            voltage=standing.voltage, frequency=standing.frequency, evidence=convert.short(standing.evidence)))
        words, level = f'{standing.mode.name.lower()}, {standing.evidence}', LEVELS[standing.mode]
        if level == self._level:
            self.get_logger().info(f'supply: {words}')  # else the check says it
        self._level = level
        self.health.check('supply', level, words, dropped=self._bad)


def main() -> int:
    """Run a member until it is told to end."""
    return run(ConsensusNode)


if __name__ == '__main__':
    raise SystemExit(main())

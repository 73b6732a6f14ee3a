"""`hearthgrid up --replay`: recordings behind the outlets, half to learn from, half to be recognised, scored live."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from hearthgrid_core.sim import split
from hearthgrid_core.waveform import fundamental_frequency
from hearthgrid_msgs.msg import Identity
from hearthgrid_ros.home import Home, from_labels
from hearthgrid_ros.interfaces import IDENTITIES, TRUTH
from hearthgrid_ros.recordings import RecordingError, read
from hearthgrid_ros.time import to_seconds

MAINS_VOLTAGES = (100.0, 110.0, 120.0, 127.0, 220.0, 230.0, 240.0)  # in use somewhere [V]
NOTHING = '(nothing)'  # no verdict while the recording played
TRAIN_FRACTION = 0.5  # the world's default
GRACE = 3.0  # for the last verdicts to arrive [s]


class ReplayError(Exception):
    """Recordings that cannot be played."""


@dataclass
class Trial:
    """One recording played to be recognised."""

    outlet: str
    label: str
    start: float
    end: float
    verdict: str = NOTHING


@dataclass
class Replay:
    """The recordings, what was played and what was recognised."""

    path: Path
    labels: list[str]
    count: int
    voltage: float
    frequency: int
    expected: int  # recordings that are played to be recognised
    trials: list[Trial] = field(default_factory=list)
    _clock: object = None

    @classmethod
    def open(cls, path: Path, console: Console) -> 'Replay':
        """Read the recordings once, to know how many outlets they need. ReplayError says what is wrong with them."""
        try:
            recordings, problems = read(path)
        except RecordingError as error:
            raise ReplayError(str(error)) from None
        for problem in problems:
            console.print(f'left out: {problem}', highlight=False, markup=False)
        if not recordings:
            raise ReplayError(f'{path}: no recording can be played')
        voltage = float(np.median([np.sqrt(np.mean(np.square(r.voltage))) for r in recordings]))
        frequency = np.nanmedian([fundamental_frequency(r.voltage, r.sampling_rate, 55.0) for r in recordings])
        labels = sorted({r.label for r in recordings})
        halves = [split([r for r in recordings if r.label == label], TRAIN_FRACTION) for label in labels]
        expected = sum(not train for half in halves for _, train in half)
        nominal = 60 if frequency > 55 else 50
        nearest = min(MAINS_VOLTAGES, key=lambda v: abs(v - voltage))
        return cls(path, labels, len(recordings), nearest, nominal, expected)

    def describe(self) -> str:
        """Return what is played, in words."""
        supply = f'{self.voltage:g} V {self.frequency} Hz'
        return f'{self.count} recordings of {len(self.labels)} appliances ({self.path.name}), {supply}'

    def home(self) -> Home:
        """Return a home with one outlet an appliance."""
        return from_labels(self.labels, self.voltage, self.frequency)

    def listen(self, node) -> None:
        """Subscribe to what is played and to what is recognised."""
        self._clock = node.get_clock()
        TRUTH.subscription(node, self._played)
        IDENTITIES.subscription(node, self._recognised)

    def _played(self, m) -> None:
        self.trials.append(Trial(m.outlet, m.type, to_seconds(m.valid_from), to_seconds(m.valid_until)))

    def _recognised(self, m) -> None:
        stamp = to_seconds(m.stamp)
        for trial in reversed(self.trials):
            if trial.outlet == m.outlet and trial.start <= stamp <= trial.end:
                if m.state != Identity.STATE_OFF:
                    trial.verdict = m.type if m.type else 'unknown'
                return

    def _now(self) -> float:
        return self._clock.now().nanoseconds * 1e-9

    def progress(self) -> str:
        """Return how far it is."""
        if not self.trials:
            return 'learning'
        done = [t for t in self.trials if t.end < self._now()]
        right = sum(t.verdict == t.label for t in done)
        return f'recognised {right} of {len(done)}, {self.expected - len(done)} to come'

    def finished(self) -> bool:
        """Return whether every recording of the second half was played."""
        return (
            bool(self.expected)
            and len(self.trials) >= self.expected
            and self._now() > max(t.end for t in self.trials) + GRACE
        )

    def confusion(self) -> tuple[list[str], np.ndarray]:
        """Return names and counts, (names, names): row the truth, column the verdict."""
        counts = Counter((t.label, t.verdict) for t in self.trials)
        names = self.labels + sorted({verdict for _, verdict in counts} - set(self.labels))
        index = {name: number for number, name in enumerate(names)}
        table = np.zeros((len(names), len(names)), int)
        for (label, verdict), n in counts.items():
            table[index[label], index[verdict]] = n
        return names, table

    def conclude(self, console: Console, state_dir: Path) -> None:
        """Print the confusion table and draw it beside the state."""
        if not self.trials:
            console.print('the recordings to recognise were not reached: let it run longer', highlight=False)
            return
        names, counts = self.confusion()
        right, total = int(np.trace(counts)), int(counts.sum())
        console.print(f'\n[bold]recognised live: {right} of {total}[/] ({100 * right / total:.1f} %)', highlight=False)
        table = Table(box=None, pad_edge=False)
        table.add_column('played', no_wrap=True)
        for number, _ in enumerate(names):
            table.add_column(str(number + 1), justify='right')
        for number, name in enumerate(names):
            if counts[number].sum():
                table.add_row(
                    f'{number + 1:2} {name}',
                    *(
                        f'[bold green]{n}[/]' if n and i == number else f'[red]{n}[/]' if n else '·'
                        for i, n in enumerate(counts[number])
                    ),
                )
        console.print(table)
        picture = state_dir / 'confusion.png'
        draw(names, counts, f'{self.path.name}: {right} of {total} recognised live', picture)
        console.print(f'picture: {picture}', highlight=False)


def draw(names: list[str], counts: np.ndarray, title: str, path: Path) -> None:
    """Draw a confusion table, (n, n), as a picture."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    shown = [i for i in range(len(names)) if counts[i].any() or counts[:, i].any()]
    names, counts = [names[i] for i in shown], counts[np.ix_(shown, shown)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.42 * len(names)
    figure, axes = plt.subplots(figsize=(size, size))
    axes.imshow(share, cmap='Greens', vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        axes.text(
            column,
            row,
            counts[row, column],
            ha='center',
            va='center',
            fontsize=8,
            color='white' if share[row, column] > 0.6 else 'black',
        )
    axes.set_xticks(range(len(names)), names, rotation=60, ha='right', fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel('recognised as')
    axes.set_ylabel('played')
    axes.set_title(title, fontsize=11)
    figure.savefig(path, dpi=120, bbox_inches='tight')
    plt.close(figure)

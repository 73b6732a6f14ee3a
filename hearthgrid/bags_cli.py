"""`hearthgrid record` and `hearthgrid replay`."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import HomeName


def record(
    path: Annotated[Path, typer.Argument(help='Folder to make.')],
    name: HomeName = 'home',
    duration: Annotated[float, typer.Option('--for', help='Seconds; 0: until Ctrl-C.', min=0)] = 0.0,
    topic: Annotated[list[str] | None, typer.Option(help='Only these topics (readings, waveforms, …).')] = None,
) -> None:
    """Record the home's topics into a rosbag2 (MCAP) that `ros2 bag` and Foxglove open."""
    from hearthgrid import bags
    from hearthgrid.cli import fail
    from hearthgrid_ros.interfaces import TOPICS

    unknown = set(topic or ()) - {row.name for row in TOPICS}
    if unknown:
        raise fail(f'no topic is called {", ".join(sorted(unknown))}', 2)
    _transfer(lambda stop: bags.record(name, path, stop, set(topic) if topic else None), 'recorded', duration)


def replay(
    path: Annotated[Path, typer.Argument(help='A rosbag2 folder.')],
    rate: Annotated[float, typer.Option(help='Faster or slower.', min=0.01, max=1000)] = 1.0,
    commands: Annotated[bool, typer.Option('--commands', help='Also what switches things.')] = False,
) -> None:
    """Publish a recording's messages again, at their old pace."""
    from hearthgrid import bags
    from hearthgrid.cli import fail

    if not path.exists():
        raise fail(f'{path} does not exist', 2)
    _transfer(lambda stop: bags.replay(path, rate, commands, stop), 'published', 0.0)


def _transfer(work, verb: str, duration: float) -> None:
    """Run a recording or a replay with progress, until done, Ctrl-C, or the duration."""
    from hearthgrid.bags import BagError
    from hearthgrid.cli import fail, out

    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: stopping.append(n))
    try:
        with out.status(verb) as shown:

            def stop(seconds, counts) -> bool:
                shown.update(f'{verb} {counts.total():,} messages in {seconds:.0f} s (Ctrl-C ends)')
                return bool(stopping) or bool(duration and seconds >= duration)

            counts = work(stop)
    except BagError as error:
        raise fail(error) from None
    for name, count in sorted(counts.items()):
        out.print(f'  {count:7,} {name}', highlight=False)
    out.print(f'{verb} {counts.total():,} messages', highlight=False)
    if verb == 'recorded' and not counts.total() and not stopping:
        raise fail('no message was heard: is the home running, and `--name` its name?')

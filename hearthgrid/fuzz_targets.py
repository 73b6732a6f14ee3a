"""The parsers of bytes from outside, one target each, with the errors they are documented to refuse with."""

from hearthgrid import fuzz_heard, fuzz_kept, fuzz_stored
from hearthgrid.fuzz import Target


def targets() -> dict[str, Target]:
    """Return all targets by name."""
    made = [*fuzz_heard.targets(), *fuzz_kept.targets(), *fuzz_stored.targets()]
    return {target.name: target for target in made}

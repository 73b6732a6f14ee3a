"""The hub alone, for outlets that run elsewhere (firmware, other machines)."""

from hearthgrid.launching import description


def generate_launch_description():
    return description(simulation='false', outlets='false')

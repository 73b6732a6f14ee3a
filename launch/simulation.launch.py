"""The simulated world alone: samples behind every outlet's converter."""

from hearthgrid.launching import description


def generate_launch_description():
    return description(outlets='false', hub='false')

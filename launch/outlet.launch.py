"""The outlets of a home file, or one of them: `outlet:=kettle`."""

from hearthgrid.launching import description


def generate_launch_description():
    return description(simulation='false', hub='false')

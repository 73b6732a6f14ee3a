"""When the simulated person speaks."""

import math

import pytest

from sim_nodes.resident import Resident

KINDS = {'a': 'kettle', 'b': 'fan', 'c': 'kettle', 'd': ''}


@pytest.mark.parametrize('timeline, said', [
    # time [s], current of a, b, c, d [A]
    ([(0, (9, 0, 0, 0)), (10, (9, 0, 0, 0))], [('a', 'kettle', 0)]),                          # ran long enough
    ([(0, (9, 0, 0, 0)), (4, (9, 0, 0, 0))], []),                                             # not yet
    ([(0, (9, 0, 0, 0)), (4, (0, 0, 0, 0)), (10, (9, 0, 0, 0))], []),                         # began anew
    ([(0, (9, 0, 9, 0)), (10, (9, 0, 9, 0)), (20, (9, 0, 9, 0))], [('a', 'kettle', 0)]),      # one kettle is enough
    ([(0, (0.01, 0, 0, 0)), (10, (0.01, 0, 0, 0))], []),                                      # standby
    ([(0, (0, 0, 0, 5)), (10, (0, 0, 0, 5))], []),                                            # nothing is plugged in
    ([(0, (0, math.nan, 0, 0)), (10, (0, math.nan, 0, 0))], []),
    ([(0, (9, 1, 0, 0)), (8, (9, 1, 0, 0))], [('a', 'kettle', 0), ('b', 'fan', 0)]),
])
def test_the_resident_names_each_kind_once(timeline, said):
    resident, heard = Resident(8.0), []
    for now, current in timeline:
        heard += resident.look(now, KINDS, current)
    assert heard == said

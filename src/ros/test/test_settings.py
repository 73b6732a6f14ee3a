"""Parameters out of settings classes: bounds, types, and what is refused."""
from dataclasses import dataclass

import pytest
from rclpy.parameter import Parameter

from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_ros.node import HomeNode, options
from hearthgrid_ros.testing import graph


@dataclass(frozen=True)
class DroopSettings:
    frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Frequency of an unloaded island.')
    frequency_min: float = setting(49.0, 'Hz', 45.0, 65.0, 'Below this, loads are shed.')
    voters: int = setting(5, '1', 3, 7, 'Size of the committee.')
    mode: str = setting('follow', '', None, None, 'What it does.', ('follow', 'form'))
    quick: bool = setting(False, '', None, None, 'Whether.')

    def __post_init__(self):
        check_bounds(self)
        if self.frequency_min >= self.frequency:
            raise ValueError('frequency_min must lie below frequency')


class DroopNode(HomeNode):
    settings_class = DroopSettings

    def __init__(self, **given):
        super().__init__('droop', **given)


@pytest.mark.parametrize('given, expected', [
    ({}, DroopSettings()),
    ({'frequency': 60.0}, DroopSettings(frequency=60.0)),
    ({'frequency': 60}, DroopSettings(frequency=60.0)),          # YAML writes it so
    ({'voters': 7, 'quick': True, 'mode': 'form'}, DroopSettings(voters=7, quick=True, mode='form')),
])
def test_what_is_given_is_what_the_node_has(given, expected):
    with graph() as g:
        assert g.add(DroopNode, **options('/home', given)).settings == expected


@pytest.mark.parametrize('given, words', [
    ({'frequency': 70.0}, 'frequency'),                          # above its bound
    ({'voters': 8}, 'voters'),
    ({'voters': 'many'}, 'voters'),                              # another type
    ({'mode': 'dance'}, 'one of follow, form'),
    ({'frequency': 50.0, 'frequency_min': 55.0}, 'below frequency'),
    ({'frequency': float('nan')}, 'frequency'),
])
def test_what_is_wrong_is_refused_by_name(given, words):
    with graph() as g, pytest.raises(ValueError, match=words):
        g.add(DroopNode, **options('/home', given))


def test_a_description_carries_unit_and_bounds():
    with graph() as g:
        found = g.add(DroopNode).describe_parameter('frequency')
        assert (found.additional_constraints, found.floating_point_range[0].from_value) == ('Hz', 45.0)


@pytest.mark.parametrize('value, words', [(50.5, 'read at start'), (48.0, 'below frequency')])
def test_a_running_node_says_why_it_keeps_its_settings(value, words):
    with graph() as g:
        node = g.add(DroopNode)
        result = node.set_parameters([Parameter('frequency', value=value)])[0]
        assert not result.successful and words in result.reason
        assert node.get_parameter('frequency').value == 50.0
        assert not node.set_parameters([Parameter('use_sim_time', value=True)])[0].successful  # time would stand still

"""Both nodes speak exactly the rows of the interface table, with their types and quality of service."""
import pytest
from rclpy.action import ActionClient

from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.interfaces import Scope

OUTLET_SAYS = {interfaces.READINGS, interfaces.SIGNATURES, interfaces.WAVEFORMS, interfaces.STATES, interfaces.RELAYS,
               interfaces.JOBS}
OUTLET_HEARS = {interfaces.ADC, interfaces.REQUEST, interfaces.TIE, interfaces.IDENTITIES, interfaces.LABELS}
OUTLET_ANSWERS = {interfaces.GET_SCHEDULE, interfaces.SET_SCHEDULE, interfaces.SET_PRIORITY, interfaces.RESET_TRIP,
                  interfaces.CAPTURE_WAVEFORM}
MEMBER_SAYS = {interfaces.ISLAND, interfaces.BALLOTS}
INVERTER_SAYS = MEMBER_SAYS | {interfaces.INVERTER_SETPOINT, interfaces.SHARES}
STANDARD = ('/rosout', '/parameter_events', '/transition_event')  # of ROS itself


def full(bench, row) -> str:
    return f'{bench.home}/{row.name}' if row.scope is Scope.HOME else f'{bench.home}/kettle/{row.name}'


def check_topics(bench, says: set, hears: set) -> None:
    """Compare the node's ends with the table, not with the graph, which forgets slowly."""
    node = bench.node
    for rows, ends, depth in ((says, node.publishers, 'writer_depth'), (hears, node.subscriptions, 'reader_depth')):
        own = [end for end in ends if not end.topic_name.endswith(STANDARD)]
        assert sorted(end.topic_name for end in own) == sorted(full(bench, row) for row in rows)
        for row in rows:
            end = next(end for end in own if end.topic_name == full(bench, row))
            given = end.qos_profile
            assert end.msg_type is row.type
            assert (given.reliability, given.durability) == (row.quality.reliability, row.quality.durability)
            assert given.depth == getattr(row.quality, depth)


@pytest.mark.parametrize('echo', [False, True])
def test_the_outlet_speaks_its_rows_and_no_others(bench, echo):
    home = bench(echo=echo)
    check_topics(home, OUTLET_SAYS | ({interfaces.ECHO} if echo else set()), OUTLET_HEARS)
    own = {service.srv_name: service.srv_type for service in home.node.services if 'outlet/' not in service.srv_name}
    assert own == {full(home, row): row.type for row in OUTLET_ANSWERS}   # parameters and lifecycle live under the node
    assert ActionClient(home.peer, interfaces.RUN_JOB.type, full(home, interfaces.RUN_JOB)).wait_for_server(20.0)


def test_the_echo_is_the_reading_under_its_own_name(bench):
    home = bench(echo=True)
    echoed = home.graph.hear(home.peer, interfaces.ECHO, 'kettle')
    home.until(lambda: home.peer.count_publishers(full(home, interfaces.ECHO)))
    home.feed(5, current=1.0)
    home.until(lambda: echoed and home.last('readings'))
    assert echoed[-1] == home.last('readings')


def test_the_member_speaks_its_rows_and_no_others(member):
    home = member(committee='a,b,c')
    check_topics(home, MEMBER_SAYS, {interfaces.ADC, interfaces.TIE, interfaces.BALLOTS})


@pytest.mark.parametrize('inverters, hears', [('battery', set()), ('battery, barn', {interfaces.SHARES})])
def test_an_inverters_member_speaks_to_its_inverter_and_to_the_others(member, inverters, hears):
    home = member(committee='a,b,c', outlet='battery', meter=True, inverter=inverters)
    check_topics(home, INVERTER_SAYS, {interfaces.READINGS, interfaces.TIE, interfaces.BALLOTS} | hears)


def test_a_leader_listens_to_what_it_needs_and_speaks_to_every_outlet(member):
    home = member()
    for _ in range(20):
        home.feed(1)
    states = interfaces.STATES.publisher(home.peer)
    home.until(lambda: states.get_subscription_count() > 1)
    states.publish(msg.OutletState(outlet='kettle', relay=msg.OutletState.RELAY_CLOSED))
    home.until(lambda: len(home.node._asks) == 1)
    check_topics(home, MEMBER_SAYS | {interfaces.REQUEST}, {
        interfaces.ADC, interfaces.TIE, interfaces.BALLOTS, interfaces.STATES, interfaces.READINGS, interfaces.BATTERY,
        interfaces.FORECASTS})

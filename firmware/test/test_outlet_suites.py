"""The tests of the Python outlet, unchanged, told of an outlet in C: jobs, requests, trips, restarts, keys, permits.

What is left out by name looks at a file or a lifecycle that an outlet in C does not have.
"""
import outlet_bench

from hearthgrid_ros import interfaces

bench, c_node = outlet_bench.bench, outlet_bench.c_node

# Why a test of the Python outlet is not one of an outlet in C.
LEFT_OUT = {
    'test_outlet': {
        'test_a_damaged_file_means_defaults_and_is_kept_aside': 'its memory is flash: test_journal',
        'test_deactivated_it_opens_and_is_silent_and_it_can_begin_again': 'it has no lifecycle',
        'test_a_setting_that_cannot_be_is_refused_at_start': 'it has no parameters: test_firmware_home',
        'test_an_id_that_does_not_fit_the_wire_is_refused': 'the same',
        'test_a_trip_outlives_a_restart': 'the same; test_app has it',
    },
    'test_jobs': {},
    'test_keyed': {
        'test_an_outlet_and_members_with_keys_form_their_island_and_no_stranger_has_a_say':
            'its own member is one more than the test counts: test_firmware_home',
        'test_an_outlet_with_keys_is_not_put_to_sleep': 'it has no lifecycle',
    },
}
for name, left_out in LEFT_OUT.items():
    globals().update(outlet_bench.suite(name, left_out, 'home', 'path'))


def test_the_node_in_c_speaks_its_rows_and_no_others(bench):
    """An outlet and its member are one node in C. How deep its queues are is not in the graph: test_app."""
    home, contract = bench(), outlet_bench.loaded('test_contract')
    peer, place = home.peer, ('outlet', f'{home.home}/kettle')

    def ends(names, infos) -> dict:
        return {topic: (kinds[0].rpartition('/')[2], end.qos_profile.reliability, end.qos_profile.durability)
                for topic, kinds in names(*place) if kinds[0].startswith('hearthgrid_msgs') and '/_action/' not in topic
                for end in infos(topic) if (end.node_name, end.node_namespace) == place}

    def rows(wanted) -> dict:
        return {contract.full(home, row): (row.type.__name__, row.quality.reliability, row.quality.durability)
                for row in wanted}

    says = rows(contract.OUTLET_SAYS | contract.MEMBER_SAYS)
    hears = rows(contract.OUTLET_HEARS | {interfaces.BALLOTS})
    home.until(lambda: ends(peer.get_publisher_names_and_types_by_node, peer.get_publishers_info_by_topic) == says)
    home.until(lambda: ends(peer.get_subscriber_names_and_types_by_node, peer.get_subscriptions_info_by_topic) == hears)
    answers = {contract.full(home, row): row.type.__name__ for row in contract.OUTLET_ANSWERS}
    home.until(lambda: {name: kinds[0].rpartition('/')[2] for name, kinds in
                        peer.get_service_names_and_types_by_node(*place) if '/_action/' not in name} == answers)
    client = contract.ActionClient(peer, interfaces.RUN_JOB.type, contract.full(home, interfaces.RUN_JOB))
    home.until(client.server_is_ready)
    client.destroy()

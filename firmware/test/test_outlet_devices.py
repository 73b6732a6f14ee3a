"""The Python outlet's tests of what it knows of its devices, and of its shedding, unchanged, told of the node in C."""
import outlet_bench

bench, c_node = outlet_bench.bench, outlet_bench.c_node

LEFT_OUT = {
    'test_devices': {
        'test_a_damaged_or_foreign_file_is_put_aside_with_one_line': 'its memory is flash: test_own_devices',
        'test_what_it_learnt_is_a_small_file': 'the same',
    },
    'test_droop': {},
}
for name, left_out in LEFT_OUT.items():
    globals().update(outlet_bench.suite(name, left_out, 'home', 'hub'))

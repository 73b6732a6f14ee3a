"""Write `app/colcon.meta`: what micro-ROS is built with, counted from the one interface table by `entities.counts()`.

`python tools/colcon_meta.py` rewrites the file, with `-` prints it. A test holds the file to this.
"""
import importlib.util
import json
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / 'app' / 'colcon.meta'
MTU = 512           # of the serial link [B]
LARGEST = 7168      # a waveform with its fields, in pieces of a reliable stream [B]
NAME = 128          # of a topic or service, with what the middleware puts around it; app/comms_ros.h has the same [B]
WAITING = 8         # received messages that wait for the comms task; each takes the room of the longest


def entities():
    """Return `tools/entities.py`, which is no package."""
    spec = importlib.util.spec_from_file_location('entities', Path(__file__).with_name('entities.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def messages() -> list[str]:
    """Return the packages of messages that are built into the library."""
    table = entities()
    rows = (*table.PUBLISHERS, *table.SPOKEN, *table.SUBSCRIPTIONS, *table.SERVICES, *table.ACTIONS)
    return sorted({row.type.__module__.split('.')[0] for row in rows}
                  | {'action_msgs', 'builtin_interfaces', 'rcl_interfaces', 'service_msgs', 'std_msgs',
                     'type_description_interfaces', 'unique_identifier_msgs'})


def settings() -> dict[str, dict]:
    """Return the settings of each package; False and True become OFF and ON."""
    counts = entities().counts()
    history = 1 << (LARGEST // MTU).bit_length()    # of pieces; the client wants a power of two
    # Nobody asks a board for the text of its types, and it would stand in RAM.
    plain = {'ROSIDL_GENERATOR_C_DISABLE_TYPE_DESCRIPTION_CODEGEN': True}
    return {
        **{package: plain for package in messages()},
        'tracetools': {'TRACETOOLS_DISABLED': True, 'TRACETOOLS_STATUS_CHECKING_TOOL': False},
        'rosidl_typesupport': {'ROSIDL_TYPESUPPORT_SINGLE_TYPESUPPORT': True},
        'rcl': {'BUILD_TESTING': False, 'RCL_MICROROS': True, 'RCL_COMMAND_LINE_ENABLED': False,
                'RCL_LOGGING_ENABLED': False},
        'rcutils': {'ENABLE_TESTING': False, 'RCUTILS_NO_FILESYSTEM': True, 'RCUTILS_NO_THREAD_SUPPORT': True,
                    'RCUTILS_NO_64_ATOMIC': True, 'RCUTILS_AVOID_DYNAMIC_ALLOCATION': True},
        'microxrcedds_client': {'UCLIENT_PIC': False, 'UCLIENT_PROFILE_UDP': False, 'UCLIENT_PROFILE_TCP': False,
                                'UCLIENT_PROFILE_DISCOVERY': False, 'UCLIENT_PROFILE_SERIAL': False,
                                'UCLIENT_PROFILE_STREAM_FRAMING': True, 'UCLIENT_PROFILE_CUSTOM_TRANSPORT': True,
                                'UCLIENT_CUSTOM_TRANSPORT_MTU': MTU, 'UCLIENT_MAX_SESSION_CONNECTION_ATTEMPTS': 2},
        'rmw_microxrcedds': {'RMW_UXRCE_TRANSPORT': 'custom', 'RMW_UXRCE_MAX_NODES': counts['nodes'],
                             'RMW_UXRCE_MAX_PUBLISHERS': counts['publishers'],
                             'RMW_UXRCE_MAX_SUBSCRIPTIONS': counts['subscriptions'],
                             'RMW_UXRCE_MAX_SERVICES': counts['services'],
                             'RMW_UXRCE_MAX_CLIENTS': counts['clients'], 'RMW_UXRCE_MAX_WAIT_SETS': 1,
                             'RMW_UXRCE_MAX_GUARD_CONDITION': 1, 'RMW_UXRCE_TOPIC_NAME_MAX_LENGTH': NAME,
                             'RMW_UXRCE_MAX_HISTORY': min(counts['history'], WAITING),
                             'RMW_UXRCE_STREAM_HISTORY_OUTPUT': history, 'RMW_UXRCE_STREAM_HISTORY_INPUT': 4}}


def _argument(name: str, value) -> str:
    return f'-D{name}={("OFF", "ON")[value] if isinstance(value, bool) else value}'


def text() -> str:
    """Return the file."""
    names = {package: {'cmake-args': [_argument(*item) for item in options.items()]}
             for package, options in settings().items()}
    return json.dumps({'names': names}, indent=2) + '\n'


if __name__ == '__main__':
    if sys.argv[1:] == ['-']:
        sys.stdout.write(text())
    else:
        FILE.write_text(text(), encoding='utf-8')

"""The whole image in QEMU and a real agent: an outlet of the graph, by its serial line.

Needs what no package of CI's registries carries: HEARTHGRID_FREERTOS and HEARTHGRID_MICRO_ROS name the folders that
`make app` takes, and the agent (micro_ros_agent or MicroXRCEAgent) is on the path. Skipped without them.
"""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hearthgrid import agent
from hearthgrid.board_keys import SECTORS, image
from hearthgrid_core.outlet import sign
from hearthgrid_core.outlet.authentic import Key

FIRMWARE = Path(__file__).resolve().parents[1]
PATIENCE = 90.0     # [s]
KEY, BALLOT_KEY, GIVEN_KEY = bytes(range(32)), bytes(range(32, 64)), b'made with' * 3


class Board:
    """QEMU with the image, the agent on its serial line, and all the outlet says."""

    def __init__(self, folder: Path, program: str) -> None:
        from hearthgrid_ros import interfaces
        from hearthgrid_ros.testing import Graph
        self.folder, self.program, self.agent = folder, program, None
        self.log = open(folder / 'qemu.log', 'w')
        self.qemu = subprocess.Popen(
            ['qemu-system-arm', '-M', 'mps2-an500', '-display', 'none', '-monitor', 'none', '-semihosting', '-serial',
             'pty', '-kernel', folder / 'mps2_an500' / 'outlet.elf',      # by this machine's clock, as the agent
             '-device', f'loader,file={folder / "keys.bin"},addr={SECTORS["mps2_an500"]},force-raw=on'],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.graph = Graph()
        self.peer = self.graph.peer()
        self.readings = self.graph.hear(self.peer, interfaces.READINGS)
        self.states = self.graph.hear(self.peer, interfaces.STATES)
        self.identities = self.graph.hear(self.peer, interfaces.IDENTITIES)
        self.labels = interfaces.LABELS.publisher(self.peer)
        self.request = interfaces.REQUEST.publisher_to(self.peer, 'kettle')
        self.counter = time.time_ns()

    def printed(self) -> str:
        return (self.folder / 'qemu.log').read_text()

    def until(self, condition) -> None:
        assert self.graph.until(condition, PATIENCE), self.printed()[-3000:]

    def connect(self) -> None:
        """Start the agent."""
        self.until(lambda: '/dev/pts/' in self.printed())
        device = re.search(r'/dev/pts/\d+', self.printed())[0]
        self.agent = subprocess.Popen([self.program, *agent.arguments('serial', device, agent.PORT)],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def disconnect(self) -> None:
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()

    def ask(self, power_max: float, key: bytes) -> None:
        from hearthgrid_msgs.msg import Request
        from hearthgrid_ros.request import request
        from hearthgrid_ros.time import to_msg
        now = time.time()
        self.counter += 1
        made = Request(stamp=to_msg(now), expiry=to_msg(now + 30.0), counter=self.counter, power_min=0.0, epoch=1,
                       power_max=power_max, reason='a test', sender='tester', voice=Request.VOICE_PERSON)
        made.mac = list(sign(key, request(made).packed))
        self.request.publish(made)

    def capture(self) -> None:
        """Have it look at its load now."""
        from hearthgrid_ros import interfaces
        row = interfaces.CAPTURE_WAVEFORM
        self.graph.call(row.client(self.peer, 'kettle'), row.type.Request())

    def counts(self) -> dict[str, int]:
        """Return what the board counted last."""
        return {name: int(value) for name, value in re.findall(r'^count (\w+) (\d+)$', self.printed(), re.M)}

    def close(self) -> None:
        for process in (self.agent, self.qemu):
            if process is not None:
                process.kill()
                process.wait()
        self.graph.close()
        self.log.close()


@pytest.fixture(scope='module')
def board(tool, tmp_path_factory):
    pytest.importorskip('hearthgrid_msgs', reason='the messages are not built')
    from hearthgrid_ros.testing import own_domain
    given = {name: os.environ.get(f'HEARTHGRID_{name}') for name in ('FREERTOS', 'MICRO_ROS')}
    program = agent.find()
    if None in given.values() or program is None:
        pytest.skip('HEARTHGRID_FREERTOS, HEARTHGRID_MICRO_ROS or the agent is missing; see docs/firmware.md')
    tool('arm-none-eabi-gcc', 'gcc-arm-none-eabi libnewlib-arm-none-eabi')
    tool('qemu-system-arm', 'qemu-system-arm')
    folder = tmp_path_factory.mktemp('board')
    made = subprocess.run(
        ['make', '-s', '-C', FIRMWARE, f'BUILD={folder}', 'app', f'DOMAIN={own_domain()}', 'OUTLET=kettle',
         f'REQUEST_KEY={GIVEN_KEY.hex()}', f'BALLOT_KEY={GIVEN_KEY.hex()}',     # those beside the image replace them
         *(f'{name}={value}' for name, value in given.items())], text=True, capture_output=True)
    assert made.returncode == 0, made.stderr[-3000:]
    (folder / 'keys.bin').write_bytes(image('kettle', [Key(1, GIVEN_KEY, ends=1.0), Key(2, KEY)], [Key(2, BALLOT_KEY)]))
    found = Board(folder, program)
    try:
        found.connect()
        yield found
    finally:
        found.close()


def test_the_board_is_an_outlet_of_the_graph(board):
    from hearthgrid_ros.time import to_seconds
    board.until(lambda: any(m.outlet == 'kettle' and abs(to_seconds(m.stamp) - time.time()) < 2.0
                            for m in board.readings))
    last = board.readings[-1]
    assert abs(last.voltage - 230.0) < 1.0 and abs(last.frequency - 50.0) < 0.1


def insist(board, power_max, condition):
    asked = 0.0

    def again():
        nonlocal asked
        if not condition() and time.monotonic() - asked > 3.0:
            asked = time.monotonic()
            board.ask(power_max, KEY)
        return condition()
    board.until(again)


def test_a_signed_request_is_obeyed_and_a_forged_one_refused(board):
    from hearthgrid_msgs.msg import OutletState
    board.until(lambda: board.states and board.graph.matched(board.request))
    insist(board, 0.0, lambda: board.states[-1].relay == OutletState.RELAY_OPEN)
    insist(board, 3000.0, lambda: board.states[-1].relay == OutletState.RELAY_CLOSED)
    for key in (bytes(32), GIVEN_KEY):      # that of the image ended when those beside it came
        refused = board.states[-1].requests_refused
        board.ask(0.0, key)
        board.until(lambda before=refused: board.states[-1].requests_refused > before)
    assert board.states[-1].relay == OutletState.RELAY_CLOSED


def test_without_a_hub_it_names_what_a_person_named(board):
    from hearthgrid_core.devices.own import RECIPE
    from hearthgrid_msgs.msg import Label
    from hearthgrid_ros.time import to_msg
    board.until(lambda: board.graph.matched(board.labels))
    insist(board, 3000.0, lambda: board.readings[-1].active_power > 1000.0)
    told = 0.0

    def named():
        nonlocal told
        if time.monotonic() - told > 10.0:  # a signature comes with every change of load, and when somebody asks
            told, now = time.monotonic(), time.time()
            board.labels.publish(Label(stamp=to_msg(now), valid_from=to_msg(now - 600.0), outlet='kettle',
                                       type='kettle'))
            board.capture()
        return any(m.type == 'kettle' and m.recipe == RECIPE for m in board.identities)
    board.until(named)


def rejoin(board):
    """Kill the agent, start it again, and return what the board counts once it is heard again."""
    board.disconnect()
    time.sleep(6.0)     # the session ends
    board.readings.clear()
    board.connect()
    board.until(lambda: len(board.readings) > 2)
    steps = board.counts().get('control_steps', 0)
    board.until(lambda: board.counts().get('control_steps', 0) > steps)
    return board.counts()


def test_it_rejoins_an_agent_that_was_killed_and_its_memory_stays(board):
    for _ in range(3):
        counts = rejoin(board)
    assert 0 < counts['middleware_heap'] <= 9216    # of 12288; four joins came to 8208
    for task in ('control', 'analysis', 'comms'):
        assert counts[f'{task}_stack_unused'] >= 512, task

"""What `config/fastdds.xml` is for: the processes of a large home find each other, and nobody else can."""

import os
import subprocess
import sys
from pathlib import Path

PROFILE = Path(__file__).parents[1] / 'config' / 'fastdds.xml'
MANY = '''
import os
import time

import rclpy
from std_msgs.msg import Empty

from hearthgrid_ros.testing import own_domain

own_domain()
nodes = []
for number in range(40):
    context = rclpy.Context()
    rclpy.init(context=context)
    nodes.append(rclpy.create_node(f'n{number}', context=context, enable_rosout=False))
publisher = nodes[-2].create_publisher(Empty, 'word', 1)
nodes[-1].create_subscription(Empty, 'word', print, 1)
end = time.monotonic() + float(os.environ['WAIT'])
while publisher.get_subscription_count() == 0 and time.monotonic() < end:
    time.sleep(0.02)
inodes = set()
for entry in os.listdir('/proc/self/fd'):
    try:
        inodes.add(os.readlink(f'/proc/self/fd/{entry}').removeprefix('socket:[').rstrip(']'))
    except OSError:
        pass
first = 7400 + 250 * int(os.environ['ROS_DOMAIN_ID'])
bound = [line.split()[1] for line in open('/proc/self/net/udp').readlines()[1:] if line.split()[9] in inodes]
known = [address for address in bound if first <= int(address.split(':')[1], 16) < first + 250]
print(publisher.get_subscription_count(), len(known), *{address.split(':')[0] for address in known})
'''


def many(wait: float, **environment) -> list[str]:
    """Return whether the 40th participant found the 39th, how many known ports there are, and where they are bound."""
    kept = {name: value for name, value in os.environ.items() if name != 'FASTDDS_DEFAULT_PROFILES_FILE'}
    run = subprocess.run([sys.executable, '-c', MANY], env={**kept, **environment, 'WAIT': str(wait)},
                         capture_output=True, text=True, timeout=120, check=True)
    return run.stdout.split()


def test_forty_processes_find_each_other_and_listen_at_the_loopback_interface_alone():
    found, ports, *addresses = many(60.0, FASTDDS_DEFAULT_PROFILES_FILE=str(PROFILE))
    assert found == '1' and int(ports) >= 80 and addresses == ['0100007F']


def test_the_environment_names_the_profile_where_the_home_is_this_machine_s_own():
    script = PROFILE.parents[1] / 'scripts' / 'environment.sh'
    command = f'source {script}; echo $FASTDDS_DEFAULT_PROFILES_FILE'
    kept = {name: value for name, value in os.environ.items() if name != 'FASTDDS_DEFAULT_PROFILES_FILE'}

    def said(**environment):
        return subprocess.run(['bash', '-c', command], env={**kept, **environment}, capture_output=True, text=True,
                              check=True).stdout.strip()

    assert said(ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST') == str(PROFILE)
    assert said(ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET') == ''
    assert said(ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST', FASTDDS_DEFAULT_PROFILES_FILE='mine.xml') == 'mine.xml'

"""Fast DDS profiles of a home's topics, from the interface table: for who speaks DDS without ROS, or an agent's `-r`.

rmw_fastrtps takes a profile whose name is a topic's full name. What a ROS node asks for itself is the same, so the file
changes nothing for it, also with RMW_FASTRTPS_USE_QOS_FROM_XML=1. Participant and transports are those of
`config/fastdds.xml`: shared memory and loopback alone.
"""

from xml.etree import ElementTree

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from hearthgrid.security import Enclave
from hearthgrid_ros.interfaces import TOPICS, Quality

SPACE = 'http://www.eprosima.com'
RELIABILITY = {ReliabilityPolicy.RELIABLE: 'RELIABLE', ReliabilityPolicy.BEST_EFFORT: 'BEST_EFFORT'}
DURABILITY = {DurabilityPolicy.VOLATILE: 'VOLATILE', DurabilityPolicy.TRANSIENT_LOCAL: 'TRANSIENT_LOCAL'}


def profiles_xml(made: tuple[Enclave, ...], base: str) -> str:
    """Return `base`, a profiles file, with a writer's and a reader's profile of each topic the enclaves may use."""
    ElementTree.register_namespace('', SPACE)
    root, rows = ElementTree.fromstring(base), {row.name: row for row in TOPICS}
    profiles = [profile for enclave in made for profile in enclave.profiles]
    for kind, names in (('writer', {name for p in profiles for name in p.says}),
                        ('reader', {name for p in profiles for name in p.hears})):
        for name in sorted(names):
            row = rows.get(name.rpartition('/')[2])
            if row is not None:
                _end(root, kind, name, row.quality)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding='unicode') + '\n'


def _end(root: ElementTree.Element, kind: str, name: str, quality: Quality) -> None:
    end = _child(root, f'data_{kind}')
    end.set('profile_name', name)
    history = _child(_child(end, 'topic'), 'historyQos')
    _child(history, 'kind').text = 'KEEP_LAST'
    _child(history, 'depth').text = str(quality.writer_depth if kind == 'writer' else quality.reader_depth)
    qos = _child(end, 'qos')
    _child(_child(qos, 'durability'), 'kind').text = DURABILITY[quality.durability]
    _child(_child(qos, 'reliability'), 'kind').text = RELIABILITY[quality.reliability]
    _child(end, 'historyMemoryPolicy').text = 'PREALLOCATED_WITH_REALLOC'


def _child(parent: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, f'{{{SPACE}}}{name}')

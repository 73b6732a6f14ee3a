"""Bytes that can be a message, and bytes that cannot: what Fast CDR is never shown."""
import random

import pytest
from rclpy.serialization import deserialize_message, serialize_message

from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.cdr import sound
from hearthgrid_ros.time import to_msg

TYPES = sorted({row.type for row in interfaces.TOPICS}, key=lambda type_: type_.__name__)
FULL = [
    msg.Plan(stamp=to_msg(7.5), currency='EUR', grid_power=[1.0, 2.0], reasons=['why', '', 'because'],
             devices=[msg.DevicePlan(outlet='kettle', power=[1.0], reason='x'), msg.DevicePlan()]),
    msg.Ballot(kind=1, sender='a', committee=['a', 'bcd', 'e'], mac=[1] * 16),
    msg.Samples(outlet='kettle', voltage=[1, -2, 3], current=[4, 5, 6]), msg.Identity(candidates=['kettle', 'lamp']),
]


@pytest.mark.parametrize('type_', TYPES, ids=lambda type_: type_.__name__)
def test_every_message_of_ours_is_sound_and_a_cut_one_is_not(type_):
    content = serialize_message(type_())
    assert sound(content, type_) and not sound(content[:3], type_) and not sound(bytes.fromhex('00012222'), type_)
    assert not sound(content + bytes(8), type_)


@pytest.mark.parametrize('message', FULL, ids=lambda message: type(message).__name__)
def test_texts_sequences_and_nested_messages(message):
    type_, content = type(message), serialize_message(message)
    assert sound(content, type_) and deserialize_message(content, type_) == message
    assert not any(sound(content[:cut], type_) for cut in range(len(content) - 4))
    for at in range(0, len(content) - 4, 4):  # a length of four billion anywhere, or it is no length
        wrong = content[:at] + b'\xff' * 4 + content[at + 4:]
        if sound(wrong, type_):
            deserialize_message(wrong, type_)


def test_what_is_sound_never_ends_the_process():
    rng, taken = random.Random(4), 0
    valid = {type_: serialize_message(type_()) for type_ in TYPES} | {type(m): serialize_message(m) for m in FULL}
    for _ in range(4000):
        type_ = rng.choice(list(valid))
        content = bytearray(valid[type_])
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(content))
            content[at:at + rng.choice((0, 1, 4))] = rng.choice((b'', rng.randbytes(rng.randint(1, 5)), b'\xff', b'\0'))
            content = content or bytearray(1)
        if sound(bytes(content), type_):
            taken += 1
            try:
                deserialize_message(bytes(content), type_)
            except Exception as error:
                assert type(error).__name__ in ('RMWError', 'UnicodeDecodeError'), error
    assert taken > 100


def test_bounds_are_kept():
    word = serialize_message(msg.Breaker(reason='x' * 128))
    assert sound(word, msg.Breaker)
    longer = word.replace((129).to_bytes(4, 'little'), (130).to_bytes(4, 'little')) + b'x\0'
    assert not sound(longer, msg.Breaker)

"""Requests off the wire, for whoever is an outlet."""
from hearthgrid_core.outlet import Request, pack
from hearthgrid_msgs import msg
from hearthgrid_ros.time import NANOSECONDS, to_seconds


def request(message: msg.Request) -> Request:
    """Return a request with nothing checked, and the bytes its code is over."""
    stamp, expiry = (time.sec * NANOSECONDS + time.nanosec for time in (message.stamp, message.expiry))
    packed = pack(stamp, expiry, message.voice, message.epoch, message.term, message.provisional, message.counter,
                  message.power_min, message.power_max, message.reason, message.sender)
    return Request(message.voice, message.sender, message.epoch, message.counter, to_seconds(message.stamp),
                   to_seconds(message.expiry), message.power_min, message.power_max, message.reason, packed,
                   bytes(message.mac), message.term, message.provisional)

"""The home's keys in a running node: read at the start, and again within a second when the file is another."""
import time
from collections.abc import Callable
from pathlib import Path

from hearthgrid_core.outlet.authentic import OPEN, Keyring, pack_inverter, pack_regulator, pack_relay
from hearthgrid_msgs import msg
from hearthgrid_ros import key_file
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.request import request
from hearthgrid_ros.time import NANOSECONDS

LOOK = 1.0  # the file is looked at so often at most, when a key is asked for [s]
NOBODY = Keyring()  # of who has no key in a home with keys: it obeys nobody


class Keys:
    """Keyrings by outlet from the file `path`; an empty path is a home without keys.

    A file that cannot be read at the start is a home in which nobody is obeyed; one that is damaged later changes
    nothing. trouble : what is wrong, '' = nothing.
    """

    def __init__(self, path: str, say: Callable[[str], object] = lambda words: None) -> None:
        """say : told once what is wrong, and that it is well again."""
        self._path, self._say = Path(path) if path else None, say
        self._keys: key_file.Keys | None = None
        self._seen: tuple | None = None
        self._looked = time.monotonic()
        self.trouble = ''
        self._read()

    @property
    def required(self) -> bool:
        """Whether this home has keys at all."""
        return self._path is not None

    def ring(self, name: str) -> Keyring:
        """Return the keys of an outlet, or of the home ('') as they are now."""
        if self._path is None:
            return OPEN
        if not 0.0 <= time.monotonic() - self._looked < LOOK:
            self._looked = time.monotonic()
            self._read()
        try:
            return Keyring(self._keys.of(name).keys) if self._keys else NOBODY
        except KeyError:
            return NOBODY

    def sign(self, outlet: str, message: msg.Request, now: float) -> msg.Request:
        """Return the request to an outlet, signed at `now` [s] where the outlet's key is known."""
        message.mac = list(self.ring(outlet).sign(now, request(message).packed))
        return message

    def sign_setpoint(self, message, now: float):
        """Return the command to an inverter, regulator or relay, signed at `now` [s] where its key is known."""
        packed, name = setpoint(message)
        message.mac = list(self.ring(name).sign(now, packed))
        return message

    def refuse_setpoint(self, message, now: float) -> str:
        """Return why a command to an inverter, regulator or relay is not believed at `now` [s], '' = it is."""
        packed, name = setpoint(message)
        ring = self.ring(name)
        if not ring.required:
            return ''
        if not len(message.mac):
            return 'it carries no authentication code'
        return '' if ring.authentic(now, packed, bytes(message.mac)) else 'its authentication code is wrong'

    def report(self, health, *names: str) -> None:
        """Say in a node's health how it stands with the keys of `names`."""
        if self._path is None:
            return
        rings = [self.ring(name) for name in names]
        missing = [name or 'the home' for name, ring in zip(names, rings, strict=True) if not ring.keys]
        if self.trouble:
            health.check('keys', ERROR, self.trouble)
        elif missing:
            health.check('keys', WARN, f'no key of {", ".join(missing)[:100]}: commands to it are refused')
        else:
            health.check('keys', OK, 'commands need a code', epoch=max((ring.epoch for ring in rings), default=0))

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            seen = self._path.stat()
            stamp = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
            if stamp == self._seen:
                return
            self._keys, self._seen = key_file.load(self._path), stamp
        except OSError as error:
            self._tell(f'{self._path} cannot be read: {error.strerror}')
        except key_file.KeyFileError as error:
            self._tell(str(error))
        else:
            self._tell('')

    def _tell(self, trouble: str) -> None:
        if trouble == self.trouble:
            return
        so = 'the keys read before stay in force' if self._keys else 'no command is obeyed'
        self._say(f'{trouble}; {so}' if trouble else f'{self._path} can be used again')
        self.trouble = trouble


def setpoint(message) -> tuple[bytes, str]:
    """Return the bytes the code of such a command on the wire is over, and whose key it needs."""
    if isinstance(message, msg.RelayCommand):
        stamp = message.stamp.sec * NANOSECONDS + message.stamp.nanosec
        return pack_relay(stamp, message.outlet, message.closed, message.power_max, message.counter), message.outlet
    stamp, expiry = (at.sec * NANOSECONDS + at.nanosec for at in (message.stamp, message.expiry))
    if isinstance(message, msg.InverterSetpoint):
        return pack_inverter(
            stamp, expiry, message.inverter, message.mode, message.epoch, message.term, message.counter,
            message.active_power, message.reactive_power, message.frequency, message.voltage,
            message.sender), message.inverter
    return pack_regulator(stamp, expiry, message.regulator, message.tap, message.epoch, message.counter,
                          message.reason, message.sender), message.regulator

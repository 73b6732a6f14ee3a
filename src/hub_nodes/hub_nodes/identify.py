"""Identification: signatures and labels in, one identity an outlet out, and a person's corrections."""
import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearthgrid_core.devices import (
    RECIPE,
    UNTIL_CHANGE,
    Claim,
    DevicesError,
    Household,
    Identification,
    Identifier,
    IdentifierSettings,
    Look,
)
from hearthgrid_core.settings import setting
from hearthgrid_core.waveform import Signature, WaveformError
from hearthgrid_msgs import msg
from hearthgrid_msgs.srv import CorrectIdentity
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import CORRECT_IDENTITY, IDENTITIES, LABELS, SIGNATURES
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import state_dir
from hearthgrid_ros.time import to_msg, to_seconds

FILE = 'identify.npz'
FILE_MAX = 64_000_000   # a larger file is not ours [byte]
PERIOD = 0.2            # between looks at what came in [s]
AHEAD_MAX = 5.0         # a stamp so far in the future is a clock gone wrong [s]
TEXT_MAX = 200          # of an answer to a person [byte]
REMEMBER = 60.0         # how long a refusal shows in the health [s]
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, NotImplementedError, AttributeError, TypeError,
               zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class IdentifySettings(IdentifierSettings):
    """How identification learns, and what it keeps."""

    state_dir: str = state_dir()
    refit_period: float = setting(1.0, 's', 0.0, 3600.0, 'New labels change the answers at most so often.')
    save_period: float = setting(5.0, 's', 0.0, 3600.0, 'New labels are written at most so often, a correction at '
                                 'once.')


class Memory:
    """Arrays in one .npz file, replaced as a whole."""

    def __init__(self, folder: str, logger) -> None:
        self._path = Path(folder) / FILE if folder else None
        self._log = logger

    @property
    def keeps(self) -> bool:
        """Whether there is a file to write to."""
        return self._path is not None

    def load(self) -> Mapping[str, np.ndarray] | None:
        """Return what the file holds, None where there is none. ValueError, saying why, when it cannot be used."""
        if self._path is None or not self._path.exists():
            return None
        try:
            if self._path.stat().st_size > FILE_MAX:
                raise ValueError(f'larger than {FILE_MAX} bytes')
            with np.load(io.BytesIO(self._path.read_bytes()), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except _UNREADABLE as error:
            raise ValueError(f'cannot be read: {error}') from None

    def put_aside(self, reason: str, now: float) -> None:
        """Keep a file that cannot be used under another name, so that a new one does not replace it."""
        aside = self._path.with_name(f'{self._path.name}.bad-{int(now)}')
        try:
            os.replace(self._path, aside)
            self._log.error(f'{self._path}: {reason}; it is kept as {aside.name}, and learning starts afresh')
        except OSError as error:
            self._log.error(f'{self._path}: {reason}; it cannot be put aside ({error.strerror}), so nothing is saved')
            self._path = None

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f'{self._path.name}.new')
        with open(fresh, 'wb') as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class IdentifyNode(HomeNode):
    """Callbacks hand what came to the household; a timer publishes its answers; threads fit and write."""

    settings_class = IdentifySettings

    def __init__(self, **options) -> None:
        super().__init__('identify', **options)
        self._memory = Memory(self.settings.state_dir, self.get_logger())
        self._household = self._remember()
        self._fitter = ThreadPoolExecutor(1, thread_name_prefix='identify-fit')
        self._writer = ThreadPoolExecutor(1, thread_name_prefix='identify-write')
        self._fitting: Future | None = None
        self._writing: Future | None = None
        self._fitted_at = self._saved_at = -float('inf')
        self._dirty = False
        self._refused, self._refused_at, self._reason = 0, -float('inf'), ''
        self._identities = IDENTITIES.publisher(self)
        SIGNATURES.subscription(self, self._on_signature)
        LABELS.subscription(self, self._on_label)
        CORRECT_IDENTITY.server(self, self._on_correct)
        self._timer = self.create_timer(PERIOD, self._step)
        self.health.before_report(self._report)
        self._report_state()

    def make_safe(self) -> None:
        self._timer.cancel()
        self._fitter.shutdown(wait=True, cancel_futures=True)
        if self._dirty or self._household.identifier.stale:
            self._save()
        self._writer.shutdown(wait=True)
        self._settle_write()

    def _remember(self) -> Household:
        """Return the household that the file describes, a new one where it cannot be used."""
        try:
            state = self._memory.load()
            if state is not None:
                return Household.from_state(state, settings=self.settings)
        except ValueError as error:
            self._memory.put_aside(str(error), self.now())
        return Household(Identifier(self.settings))

    def _on_signature(self, message: msg.Signature) -> None:
        try:
            look = look_of(message)
            if look.time > self.now() + AHEAD_MAX:
                raise DevicesError(f'a signature of {look.outlet} is stamped {look.time - self.now():.0f} s ahead')
            self._household.see(look)
        except DevicesError as error:
            self._refuse(str(error))

    def _on_label(self, message: msg.Label) -> None:
        try:
            self._household.hear(claim_of(message))
        except DevicesError as error:
            self._refuse(str(error))

    def _on_correct(self, request: CorrectIdentity.Request, response: CorrectIdentity.Response
                    ) -> CorrectIdentity.Response:
        try:
            done = self._household.correct(request.outlet, request.type, request.model)
            self._save()
            if not self._settle_write():    # it must not be lost, so the answer waits for the disk
                done += ', until the next start only: it cannot be written'
            response.success = True
        except DevicesError as error:
            done = str(error)
        response.message = done.encode()[:TEXT_MAX].decode(errors='ignore')
        response.examples = self._household.identifier.count(request.type)
        return response

    def _step(self) -> None:
        now, identifier = self.now(), self._household.identifier
        if self._fitting is not None and self._fitting.done():
            self._settle_fit()
        if identifier.stale and self._fitting is None and now - self._fitted_at >= self.settings.refit_period:
            self._dirty, self._fitted_at = True, now
            self._fitting = self._fitter.submit(identifier.fit, identifier.taught())
        if self._writing is not None and self._writing.done():
            self._settle_write()
        if self._dirty and self._writing is None and now - self._saved_at >= self.settings.save_period:
            self._save()
        if self._fitting is None or identifier.ready:   # what was kept must be fitted before anything is judged
            names = self._household.names
            for look, answer in self._household.answers():
                self._identities.publish(identity_of(look, answer))
            self._dirty |= self._household.names != names   # a name may end with the load it was given to

    def _settle_fit(self) -> None:
        fitting, self._fitting = self._fitting, None
        try:
            self._household.adopt(fitting.result())
            self.health.check('learning', OK, 'fitted')
        except (ValueError, np.linalg.LinAlgError) as error:
            self.health.check('learning', ERROR, f'the last fit answers on, a new one failed: {error}')

    def _save(self) -> None:
        self._dirty, self._saved_at = False, self.now()
        self._writing = self._writer.submit(self._memory.save, self._household.state())

    def _settle_write(self) -> bool:
        """Wait for the write under way and return whether it worked."""
        writing, self._writing = self._writing, None
        if writing is None:
            return True
        try:
            writing.result()
        except OSError as error:
            self._dirty = True
            self.health.check('state', WARN, f'cannot be written: {error}')
            return False
        self._report_state()
        return self._memory.keeps or not self.settings.state_dir

    def _report_state(self) -> None:
        if self._memory.keeps:
            self.health.check('state', OK, 'kept')
        elif self.settings.state_dir:
            self.health.check('state', WARN, 'nothing is kept: a file that cannot be used is in the way')
        else:
            self.health.check('state', OK, 'no state_dir is set: nothing outlives the process')

    def _refuse(self, reason: str) -> None:
        self._refused, self._refused_at, self._reason = self._refused + 1, self.now(), reason

    def _report(self) -> None:
        identifier = self._household.identifier
        self.health.check('input', *((WARN, self._reason) if self.now() - self._refused_at < REMEMBER
                                     else (OK, 'all signatures and labels can be used')), refused=self._refused)
        types = identifier.types
        self.health.check('knowledge', OK, f'{len(identifier)} examples of {len(types)} types',
                          examples=len(identifier), types=len(types), named=len(self._household.names))


def signature_vector(message: msg.Signature) -> np.ndarray:
    """Return what classifiers take of a signature (FEATURES,). DevicesError when it is of no use."""
    real, imag, wavelet, trajectory = (np.array(values, dtype=np.float64) for values in (
        message.harmonics_real, message.harmonics_imag, message.wavelet_energy, message.trajectory))
    if real.shape != imag.shape:
        raise DevicesError(f'a signature of {message.outlet!r} has {real.size} real and {imag.size} imaginary parts')
    scalars = (np.float64(getattr(message, name)) for name in (
        'frequency', 'voltage', 'current', 'active_power', 'reactive_power', 'crest_factor', 'inrush_ratio',
        'settling_time'))
    try:
        with np.errstate(all='ignore'):     # what is no number is refused by whoever takes the vector
            return Signature(message.version, *scalars, real + 1j * imag, wavelet, trajectory).vector()
    except WaveformError as error:
        raise DevicesError(f'{message.outlet!r}: {error}') from None


def look_of(message: msg.Signature) -> Look:
    """Return a signature as identification takes it. DevicesError."""
    if not message.outlet:
        raise DevicesError('a signature does not say of which outlet it is')
    return Look(outlet=message.outlet, sequence=message.sequence, time=to_seconds(message.stamp),
                duration=message.cycles / message.frequency if message.frequency > 0 else 0.0,
                vector=signature_vector(message), active_power=message.active_power,
                apparent_power=message.voltage * message.current, changed=message.reason == message.REASON_CHANGE)


def claim_of(message: msg.Label) -> Claim:
    """Return what a label says. Without `valid_from` it holds from its stamp, without `valid_until` until a change."""
    said, begin, end = (to_seconds(stamp) for stamp in (message.stamp, message.valid_from, message.valid_until))
    return Claim(outlet=message.outlet, type=message.type, model=message.model, begin=begin or said,
                 end=end or UNTIL_CHANGE, said=said, by_person=message.source == message.SOURCE_PERSON)


def identity_of(look: Look, answer: Identification) -> msg.Identity:
    """Return the message of an answer."""
    return msg.Identity(
        stamp=to_msg(look.time), outlet=look.outlet, signature=look.sequence, state=int(answer.state), type=answer.type,
        model=answer.model, probability=answer.probability, model_probability=answer.model_probability,
        candidates=[type for type, _ in answer.candidates],
        candidate_probabilities=[probability for _, probability in answer.candidates], recipe=RECIPE)


def main() -> int:
    """Run the node."""
    return run(IdentifyNode)


if __name__ == '__main__':
    raise SystemExit(main())

"""Identification: signatures and labels in, one identity an outlet out, and a person's corrections."""
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.devices import DevicesError, Household, Identifier, IdentifierSettings, Recogniser
from hearthgrid_core.settings import setting
from hearthgrid_msgs import msg
from hearthgrid_msgs.srv import CorrectIdentity
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import CORRECT_IDENTITY, IDENTITIES, LABELS, SIGNATURES
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import keys_file, state_dir
from hub_nodes.identify.library import Library, LibraryError
from hub_nodes.identify.memory import Memory
from hub_nodes.identify.messages import claim_of, identity_of, look_of
from hub_nodes.identify.trained import open_model

PERIOD = 0.2            # between looks at what came in [s]
AHEAD_MAX = 5.0         # a stamp so far in the future is a clock gone wrong [s]
TEXT_MAX = 200          # of an answer to a person [byte]
REMEMBER = 60.0         # how long a refusal shows in the health [s]
REFINED = 600.0         # what use alone refined is written so often [s]


@dataclass(frozen=True)
class IdentifySettings(IdentifierSettings):
    """How identification learns, and what it keeps."""

    state_dir: str = state_dir()
    keys_file: str = keys_file()
    model: str = setting('', '', None, None, 'Folder of a model made by `hearthgrid train`; empty: `model` in the '
                         'state folder where there is one, else the node learns from labels alone.')
    library: str = setting('', '', None, None, 'YAML file of known models; empty: the one shipped, and `models.yaml` '
                           'in the state folder.')
    refit_period: float = setting(1.0, 's', 0.0, 3600.0, 'New labels change the answers at most so often.')
    save_period: float = setting(5.0, 's', 0.0, 3600.0, 'New labels are written at most so often, a correction at '
                                 'once.')


class IdentifyNode(HomeNode):
    """Callbacks hand what came to the household; a timer publishes its answers; threads fit and write."""

    settings_class = IdentifySettings

    def __init__(self, **options) -> None:
        super().__init__('identify', **options)
        self._memory = Memory(self.settings.state_dir, self.get_logger())
        self._library = self._read_library()
        self._kind, self._given = self._read_model()
        self._household = self._restore()
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
        CORRECT_IDENTITY.server(self, self._on_correct, self.calls)
        self._timer = self.create_timer(PERIOD, self._step)
        self.health.before_report(self._report)
        self._report_state()

    def make_safe(self) -> None:
        self._timer.cancel()
        self._fitter.shutdown(wait=True, cancel_futures=True)
        if self._dirty or self._household.identifier.stale or self._household.identifier.moved:
            self._save()
        self._writer.shutdown(wait=True)
        self._settle_write()

    def _read_model(self) -> tuple[type[Identifier], dict]:
        """Return what identifies, and what it is made of beside the settings."""
        try:
            found = open_model(self.settings.model, self.settings.state_dir)
        except DevicesError as error:
            self.get_logger().error(f'{error}; learning from labels alone')
            self.health.check('model', ERROR, f'{error}; learning from labels alone')
            return Identifier, {}
        if found is None:
            self.health.check('model', OK, 'none: learning from labels alone')
            return Identifier, {}
        trained, lite = found
        self.health.check('model', OK, f'{len(trained.classes)} types', hash=trained.hash[:16],
                          made=str(trained.provenance.get('made', '')))
        return Recogniser, {'trained': trained, 'judge': lite.judge}

    def _read_library(self) -> Library:
        try:
            library = Library.find(self.settings.library, self.settings.state_dir)
            self.health.check('library', OK, f'{len(library)} models')
            return library
        except LibraryError as error:
            self.get_logger().error(f'{error}; no model is looked up')
            self.health.check('library', WARN, f'{error}; no model is looked up')
            return Library()

    def _restore(self) -> Household:
        """Return the household that the file describes, a new one where it cannot be used."""
        try:
            state = self._memory.load()
            if state is not None:
                return Household.from_state(state, self._kind, settings=self.settings, **self._given)
        except ValueError as error:
            self._memory.start_afresh(str(error), self.now())
        return Household(self._kind(settings=self.settings, **self._given))

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
            if request.undo:
                done = self._household.undo(request.outlet)
            else:
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
        self._dirty |= identifier.moved and now - self._saved_at >= REFINED
        if self._dirty and self._writing is None and now - self._saved_at >= self.settings.save_period:
            self._save()
        if self._fitting is None or identifier.ready:   # what was kept must be fitted before anything is judged
            names = self._household.names
            for look, answer in self._household.answers():
                self._identities.publish(identity_of(look, answer, identifier.recipe,
                                                     self._library.find_entry(answer.type, answer.model)))
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


def main() -> int:
    """Run the node."""
    return run(IdentifyNode)

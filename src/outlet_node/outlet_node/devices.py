"""What the outlet knows by itself of its devices: between messages and `OwnDevices`, and over restarts."""
import math
from dataclasses import replace

from rclpy.serialization import deserialize_message

from hearthgrid_core.devices import UNTIL_CHANGE, DevicesError, Identification, IdentityState
from hearthgrid_core.devices.own import RECIPE, OwnDevices
from hearthgrid_core.devices.own_events import Actions, Said, Seen, Told
from hearthgrid_core.waveform import Aligned, Signature, WaveformError
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.cdr import sound
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.time import to_msg, to_seconds
from outlet_node.keep import Keeper

PART = 'devices'    # of the kept files
REFINED = 600.0     # what use alone refined is written so often [s]
_OUTLET_AT = 16     # of the outlet's name in an Identity on the wire: after header, stamp and its length [byte]


class Devices:
    """Hears the hub's answers and labels of one outlet, and answers while the hub is silent.

    say : (now, kind, words), logs a complaint unless one of its kind was logged lately
    """

    def __init__(self, node, keeper: Keeper, say) -> None:
        self._node, self._keeper, self._say = node, keeper, say
        self._tag = node.id.encode() + b'\0'
        self._own, self._saved_at, self._dirty = self._restore(), -math.inf, False
        self._publisher = None
        # Of all outlets' answers in one topic only this outlet's are unpacked.
        self._heard_on = [interfaces.IDENTITIES.subscription(node, self._on_identity, raw=True),
                          interfaces.LABELS.subscription(node, self._on_label)]
        self._report()

    def destroy(self) -> None:
        """Take all that was made away."""
        self._hush()
        for subscription in self._heard_on:
            self._node.destroy_subscription(subscription)

    def see(self, now: float, sequence: int, reason: int, signature: Signature, aligned: Aligned) -> None:
        """Take a signature that goes out now."""
        try:
            vector = signature.vector()
        except WaveformError as error:
            self._say(now, 'devices', f'a signature teaches nothing: {error}')
            return
        self.step(now, Seen(sequence, aligned.start, aligned.cycles / aligned.frequency, vector, signature.version,
                            float(signature.active_power), float(signature.voltage * signature.current),
                            reason == msg.Signature.REASON_CHANGE))

    def step(self, now: float, event=None) -> None:
        """Show the devices what came, or that time passes, and do what they say."""
        try:
            actions = self._own.step(now, event)
        except DevicesError as error:
            self._say(now, 'devices', f'{type(event).__name__.lower()}: {error}')
            return
        self._do(now, actions)

    def save(self, durable: bool = True) -> None:
        """Keep what was learnt, where anything was."""
        if self._dirty:
            self._dirty, self._saved_at = False, self._node.now()
            self._report(self._keeper.save(PART, self._own.state(), durable))

    def _do(self, now: float, actions: Actions) -> None:
        if actions.quiet:
            self._hush()
        if actions.answer is not None:
            if self._publisher is None:
                # Made when needed and gone with the need, so that a late joiner never hears an answer that the hub's
                # has replaced.
                row = replace(interfaces.IDENTITIES, quality=interfaces.STATE_EACH)
                self._publisher = row.publisher(self._node)
                self._report()
            self._publisher.publish(identity(self._node.id, *actions.answer))
        self._dirty |= actions.taught or actions.moved
        if actions.taught or not 0.0 <= now - self._saved_at < REFINED:
            self.save(durable=actions.taught)

    def _hush(self) -> None:
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None
            self._report()

    def _on_identity(self, raw: bytes) -> None:
        if raw[_OUTLET_AT:_OUTLET_AT + len(self._tag)] != self._tag:
            return
        now = self._node.now()
        if not sound(raw, msg.Identity):
            self._say(now, 'devices', 'bytes on the topic of identities are no identity')
            return
        message = deserialize_message(raw, msg.Identity)
        try:
            state = IdentityState(message.state)
        except ValueError:
            self._say(now, 'devices', f'an identity has the state {message.state}')
            return
        self.step(now, Told(message.signature, to_seconds(message.stamp), state, message.type, message.model,
                            message.probability, message.recipe))

    def _on_label(self, message: msg.Label) -> None:
        if message.outlet == self._node.id:
            said, begin, end = (to_seconds(at) for at in (message.stamp, message.valid_from, message.valid_until))
            self.step(self._node.now(), Said(message.type, message.model, begin or said, end or UNTIL_CHANGE, said))

    def _restore(self) -> OwnDevices:
        kept, trouble = self._keeper.load(PART)
        own = OwnDevices(self._node.settings)
        if kept is not None:
            try:
                own = OwnDevices.from_state(kept, self._node.settings)
            except DevicesError as error:
                trouble = self._keeper.set_aside(PART, str(error))
        if trouble:
            self._node.get_logger().error(trouble)
        return own

    def _report(self, trouble: str = '') -> None:
        who = 'the hub is silent: the outlet answers' if self._publisher is not None else 'the hub answers'
        self._node.health.check('devices', WARN if trouble else OK, trouble or f'{len(self._own.names)} known; {who}',
                                known=len(self._own.names), bytes=self._own.bytes)


def identity(outlet: str, sequence: int, time: float, answer: Identification) -> msg.Identity:
    """Return an outlet's own answer on the wire. What a library of models says is the hub's to say."""
    return msg.Identity(
        stamp=to_msg(time), outlet=outlet, signature=sequence, state=int(answer.state), type=answer.type,
        model=answer.model, probability=answer.probability, model_probability=answer.model_probability,
        novelty=1 / (1 + math.exp(-answer.novelty)), rated_power=math.nan,
        candidates=[name for name, _ in answer.candidates],
        candidate_probabilities=[probability for _, probability in answer.candidates], recipe=RECIPE)

"""The form in which a person says what is really plugged in, or takes that back."""
from hub_nodes.dashboard import words
from hub_nodes.dashboard.backend import Answer, Backend
from hub_nodes.dashboard.widgets import FORM_EMPTIED, Tag, button, tell, texts

KNOWN = ('air conditioner', 'coffee machine', 'computer', 'dishwasher', 'dryer', 'fan', 'freezer', 'hair dryer',
         'heat pump', 'heater', 'iron', 'kettle', 'lamp', 'laptop', 'microwave', 'monitor', 'oven', 'refrigerator',
         'router', 'television', 'toaster', 'vacuum', 'washing machine')
TYPES = 'hg-types'  # id of the page's list of types


def type_list(backend: Backend) -> None:
    """Make the list of types that the forms of a page propose; once a page."""
    with Tag('datalist', id_=TYPES):
        for name in sorted({*KNOWN, *map(words.plain, backend.model.types())}):
            Tag('option', value=name)


class Correction:
    """One outlet's form."""

    def __init__(self, backend: Backend, outlet: str, question: str = 'Not right? It is a …') -> None:
        self._backend, self._outlet = backend, outlet
        if not backend.may('control'):
            return
        with Tag('form', css='correct', aria_label='Correct the device') as form:
            with Tag('label', css='field'):
                Tag('span', question)
                Tag('input', name='type', list=TYPES, required=True, maxlength=48, autocomplete='off',
                    placeholder='kettle')
            with Tag('label', css='field'):
                Tag('span', 'Make and model, if you like')
                Tag('input', name='model', maxlength=64, autocomplete='off', placeholder='Bosch TWK 7101')
            with Tag('div', css='buttons'):
                Tag('button', 'Save', 'button', type='submit')
                button('Take the last correction back', self._undo, 'button plain')
        form.on('submit.prevent', self._correct, js_handler=FORM_EMPTIED)

    async def _correct(self, event) -> None:
        said = texts(event.args)
        kind, model = said.get('type', '').strip()[:48], said.get('model', '').strip()
        if not kind:
            tell(Answer(False, 'Say what it is first.'))
            return
        tell(await self._backend.correct(self._outlet, kind, model))

    async def _undo(self) -> None:
        tell(await self._backend.correct(self._outlet, '', '', undo=True))

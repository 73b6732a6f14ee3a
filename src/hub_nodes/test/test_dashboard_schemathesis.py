"""The interface against its own description: generated questions, good and bad, find nothing (schemathesis)."""
import importlib.util
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hub_nodes.dashboard.home_edit import HomeEditor

schemathesis = pytest.importorskip('schemathesis')


def helper():
    spec = importlib.util.spec_from_file_location('dashboard_backend', Path(__file__).with_name('dashboard_backend.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fake = helper()
EXAMPLES = int(os.environ.get('HEARTHGRID_API_EXAMPLES', '15'))  # of each route
folder = tempfile.TemporaryDirectory(prefix='hearthgrid-api-')
access = fake.access(folder.name, rate=1e6)
for name, role in (('anna', 'admin'), ('bob', 'viewer')):
    access.users.add(name, fake.PASSWORD, role)
SECRET = access.tokens.add('tester', 'admin', 0.0)
backend = fake.FakeBackend()
(Path(folder.name) / 'home.yaml').write_text('outlets: [{id: kettle}]\n')
backend.editor = HomeEditor(str(Path(folder.name) / 'home.yaml'))
app = fake.application(backend, access)
schema = schemathesis.openapi.from_asgi('/api/openapi.json', app, headers={'Authorization': f'Bearer {SECRET}',
                                                                         'host': 'localhost'})


@schema.include(path_regex='^/api/').parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case):
    case.call_and_validate(headers={'Authorization': f'Bearer {SECRET}', 'host': 'localhost'})

"""Frames among their neighbours, and events."""
import numpy as np
import pytest

from hearthgrid_core.devices.arc import AFTER, BEFORE, events, frame_context, met
from hearthgrid_core.devices.examples import DevicesError


def test_a_frame_sees_its_neighbours_and_no_further():
    frames = np.arange(20.0)[:, None]
    context = frame_context(frames, np.ones(20))
    middle = context[10, :-1].reshape(BEFORE + AFTER + 1, 2)
    assert middle[:, 0].tolist() == [7, 8, 9, 10, 11, 12, 13]
    changed = frames.copy()
    changed[14] = 99
    assert (frame_context(changed, np.ones(20))[10] == context[10]).all()


def test_the_usual_level_looks_only_back():
    current = np.r_[np.ones(30), np.full(30, 5.0)]
    level = np.exp(frame_context(np.zeros((60, 1)), current)[:, -1])
    assert level[29] == pytest.approx(1.02) and level[59] > 4.0


@pytest.mark.parametrize('at, found', [([], []), ([4], [(4, 4)]), ([4, 6, 16], [(4, 16)]),
                                       ([4, 17], [(4, 4), (17, 17)])])
def test_events(at, found):
    flags = np.zeros(40, dtype=bool)
    flags[at] = True
    assert events(flags) == found


def test_an_event_is_met_within_the_tolerance():
    assert met([(10, 12), (30, 31)], [(15, 20)]) == 1
    assert met([(10, 12)], [(16, 20)]) == 0


@pytest.mark.parametrize('frames, current', [(np.zeros((3, 2)), np.zeros(4)), (np.zeros((0, 2)), np.zeros(0)),
                                             (np.full((3, 2), np.nan), np.zeros(3))])
def test_what_is_no_row_of_frames_is_refused(frames, current):
    with pytest.raises(DevicesError):
        frame_context(frames, current)

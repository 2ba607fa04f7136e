"""The rules of an active check, on the landmarks of a head whose every movement is known."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.ml.face.liveness.actions import MIN_FRAMES, SURE, WITH_LOOK_UP, Action, Challenge
from shared.ml.face.liveness.challenge import FIRST_FRAMES, Failure, check
from shared.ml.face.quality import head_pose
from tests.unit.shared.ml.face.liveness.motion import YOU, Pose, observe, path

SAME = 0.4
ASKED = Challenge((Action.TURN_LEFT, Action.COME_CLOSER, Action.LOOK_UP))
CHALLENGES = st.sampled_from([*SURE, *WITH_LOOK_UP]).map(Challenge)


@given(CHALLENGES)
def test_doing_what_is_asked_passes_and_is_told_in_order(asked: Challenge) -> None:
    found = check(asked, observe(path(asked)), same_face=SAME)
    assert found.passed
    assert tuple(done.action for done in found.performed) == asked.actions
    assert [done.frame for done in found.performed] == sorted(done.frame for done in found.performed)


@given(CHALLENGES)
def test_landmarks_that_wander_by_two_percent_of_the_eye_distance_do_no_harm(asked: Challenge) -> None:
    assert check(asked, observe(path(asked), noise=0.02), same_face=SAME).passed


@given(CHALLENGES, CHALLENGES)
def test_a_recording_of_another_challenge_fails(asked: Challenge, recorded: Challenge) -> None:
    found = check(asked, observe(path(recorded)), same_face=SAME)
    assert found.passed is (asked == recorded)
    assert asked == recorded or found.failure is Failure.WRONG_ACTION


def test_a_recording_in_a_mirror_fails() -> None:
    mirrored = Challenge((Action.TURN_RIGHT, *ASKED.actions[1:]))
    found = check(ASKED, observe(path(mirrored)), same_face=SAME)
    assert found.failure is Failure.WRONG_ACTION


@given(st.integers(0, 1000))
def test_shuffled_frames_fail(seed: int) -> None:
    frames = observe(path(ASKED))
    shuffled = frames[:FIRST_FRAMES] + random.Random(seed).sample(frames[FIRST_FRAMES:], len(frames) - FIRST_FRAMES)
    assert not check(ASKED, shuffled, same_face=SAME).passed


def test_a_still_head_fails() -> None:
    found = check(ASKED, observe([Pose()] * 20, noise=0.02), same_face=SAME)
    assert found.failure is Failure.MISSING_ACTION
    assert found.performed == ()


@given(CHALLENGES)
def test_a_photo_that_is_turned_tilted_and_brought_closer_fails(asked: Challenge) -> None:
    found = check(asked, observe(path(asked), flat=True), same_face=SAME)
    assert found.failure in {Failure.MISSING_ACTION, Failure.WRONG_ACTION, Failure.JUMP}


def test_a_movement_not_taken_far_enough_is_missing() -> None:
    part = [Pose(pose.yaw / 8, pose.pitch / 8, 1 + (pose.zoom - 1) / 4) for pose in path(ASKED)]
    found = check(ASKED, observe(part), same_face=SAME)
    assert (found.failure, found.performed) == (Failure.MISSING_ACTION, ())


@pytest.mark.parametrize("left_out", range(3))
def test_a_movement_left_out_is_missing_not_wrong(left_out: int) -> None:
    done = ASKED.actions[:left_out] + ASKED.actions[left_out + 1 :]
    found = check(ASKED, observe(path(Challenge(done))), same_face=SAME)
    assert found.failure is Failure.MISSING_ACTION
    assert tuple(one.action for one in found.performed) == done


def test_one_movement_too_many_is_wrong() -> None:
    more = path(ASKED) + path(Challenge((Action.TURN_RIGHT,)))[FIRST_FRAMES:]
    found = check(ASKED, observe(more), same_face=SAME)
    assert found.failure is Failure.WRONG_ACTION


def test_holding_a_movement_counts_once() -> None:
    poses = path(ASKED)
    furthest = max(range(len(poses)), key=lambda i: poses[i].yaw)
    held = poses[:furthest] + [poses[furthest]] * 8 + poses[furthest:]
    assert check(ASKED, observe(held), same_face=SAME).passed


def test_a_cut_is_a_jump() -> None:
    frames = observe(path(ASKED))
    assert check(ASKED, frames[:3] + frames[7:], same_face=SAME).failure is Failure.JUMP


def test_a_face_that_leaps_through_the_picture_is_a_jump() -> None:
    frames = observe(path(ASKED))
    x, y, width, height = frames[12].box
    frames[12] = replace(frames[12], box=(x + width, y, width, height))
    found = check(ASKED, frames, same_face=SAME)
    assert (found.failure, found.frame) == (Failure.JUMP, 12)


def test_another_persons_face_in_one_frame_is_found() -> None:
    frames = observe(path(ASKED))
    frames[12] = replace(frames[12], embedding=YOU)
    found = check(ASKED, frames, same_face=SAME)
    assert (found.failure, found.frame) == (Failure.ANOTHER_FACE, 12)


def test_a_face_that_turns_into_another_by_small_steps_is_found() -> None:
    frames = observe(path(ASKED))
    for index, angle in enumerate(np.linspace(0, np.pi / 2, len(frames))):
        frames[index] = replace(frames[index], embedding=np.array([np.cos(angle), np.sin(angle)], np.float32))
    assert check(ASKED, frames, same_face=SAME).failure is Failure.ANOTHER_FACE


def test_the_same_pixels_twice_are_no_camera() -> None:
    frames = observe(path(ASKED))
    frames[9] = replace(frames[9], digest=frames[4].digest)
    found = check(ASKED, frames, same_face=SAME)
    assert (found.failure, found.frame) == (Failure.REPEATED_FRAME, 9)


def test_it_begins_by_facing_the_camera() -> None:
    poses = [Pose(yaw=30)] * 3 + path(ASKED)[3:]
    assert check(ASKED, observe(poses), same_face=SAME).failure is Failure.NOT_FACING


def test_fewer_frames_than_the_least_are_refused() -> None:
    assert check(ASKED, observe(path(ASKED))[: MIN_FRAMES - 1], same_face=SAME).failure is Failure.TOO_FEW_FRAMES


@given(
    matrix=st.tuples(st.floats(0.3, 2), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.3, 2)),
    yaw=st.floats(-15, 15),
    pitch=st.floats(-20, 20),
)
def test_no_affine_movement_of_a_photo_changes_its_yaw_or_pitch(
    matrix: tuple[float, float, float, float], yaw: float, pitch: float
) -> None:
    """Whoever is on the photo and however he looks; the matrices are those without a reflection."""
    (photo,) = observe([Pose(yaw, pitch)], noise=0.05)
    affine = np.array(matrix).reshape(2, 2)
    assume(np.linalg.det(affine) > 0.05)
    moved = replace(photo, landmarks=(photo.landmarks @ affine.T + 30).astype(np.float32))
    np.testing.assert_allclose(head_pose(moved.landmarks)[:2], head_pose(photo.landmarks)[:2], atol=0.1)


def test_challenges_are_random_never_repeat_a_movement_at_once_and_always_have_a_turn() -> None:
    drawn = [Challenge.random().actions for _ in range(2000)]
    assert set(drawn) == {*SURE, *WITH_LOOK_UP}
    assert max(map(drawn.count, set(drawn))) < 130, "a recording of one order is rarely of use"
    assert 0.15 < sum(Action.LOOK_UP in actions for actions in drawn) / len(drawn) < 0.35
    for actions in set(drawn):
        assert all(a is not b for a, b in pairwise(actions))
        assert {Action.TURN_LEFT, Action.TURN_RIGHT} & set(actions)


@pytest.mark.parametrize("word", [*Action, *Failure])
def test_every_action_and_failure_is_told_in_a_sentence(word: Action | Failure) -> None:
    assert (word.instruction if isinstance(word, Action) else word.advice).endswith(".")

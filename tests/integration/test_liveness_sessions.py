"""A session's life in a real Redis: one challenge, one answer, one use."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.errors import LivenessSessionNotFound, LivenessSessionUsed, QueueUnavailable
from shared.liveness_sessions import REDEEM_S, SESSION_S, LivenessSession, LivenessSessions, PassedFace, Unredeemable
from shared.schemas import LivenessState, Model

MODEL = Model(name="sface", digest="d1")
CHALLENGE = ("turn_left", "look_up", "come_closer")
PREFIX = "likeness:"
FACE = (0.6, 0.8)


@pytest.fixture
def sessions(redis: Redis) -> LivenessSessions:
    return LivenessSessions(redis, PREFIX)


@pytest.fixture
def session(sessions: LivenessSessions) -> LivenessSession:
    return sessions.create("t1", CHALLENGE, MODEL)


def answered(sessions: LivenessSessions, session: LivenessSession) -> str:
    """The attempt of a session whose frames have passed."""
    with sessions.taken("t1", session.id) as attempt:
        pass
    assert sessions.passed(session.id, attempt, FACE)
    return attempt


def state(sessions: LivenessSessions, session: LivenessSession) -> LivenessState:
    return sessions.get("t1", session.id).state


def test_a_session_is_read_as_it_was_made_and_ends_by_itself(
    sessions: LivenessSessions, session: LivenessSession, redis: Redis
) -> None:
    assert sessions.get("t1", session.id) == session
    assert (session.challenge, session.model, session.state) == (CHALLENGE, MODEL, LivenessState.OPEN)
    assert SESSION_S - 5 < int(redis.ttl(f"{PREFIX}liveness:{session.id}")) <= SESSION_S


def test_another_tenants_session_is_not_found(sessions: LivenessSessions, session: LivenessSession) -> None:
    with pytest.raises(LivenessSessionNotFound):
        sessions.get("t2", session.id)
    with pytest.raises(LivenessSessionNotFound), sessions.taken("t2", session.id):
        pass
    answered(sessions, session)
    assert sessions.redeem("t2", session.id, by="job") is Unredeemable.MISSING
    assert state(sessions, session) is LivenessState.PASSED


def test_a_session_that_is_over_is_not_found(
    sessions: LivenessSessions, session: LivenessSession, redis: Redis
) -> None:
    redis.expire(f"{PREFIX}liveness:{session.id}", 0)
    with pytest.raises(LivenessSessionNotFound, match="3 minutes"):
        sessions.get("t1", session.id)
    assert sessions.redeem("t1", session.id, by="job") is Unredeemable.MISSING


def test_frames_are_taken_once(sessions: LivenessSessions, session: LivenessSession) -> None:
    with sessions.taken("t1", session.id):
        assert state(sessions, session) is LivenessState.CHECKING
    with pytest.raises(LivenessSessionUsed), sessions.taken("t1", session.id):
        pass


def test_of_many_who_send_frames_at_once_one_is_served(sessions: LivenessSessions, session: LivenessSession) -> None:
    def send(_: int) -> bool:
        try:
            with sessions.taken("t1", session.id):
                return True
        except LivenessSessionUsed:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(24))) == 1


def test_frames_that_were_not_accepted_leave_the_session_as_it_was(
    sessions: LivenessSessions, session: LivenessSession, redis: Redis
) -> None:
    with pytest.raises(ZeroDivisionError), sessions.taken("t1", session.id):
        raise ZeroDivisionError
    assert sessions.get("t1", session.id) == session
    assert int(redis.ttl(f"{PREFIX}liveness:{session.id}")) <= SESSION_S


def test_only_the_attempt_that_took_the_session_decides(sessions: LivenessSessions, session: LivenessSession) -> None:
    assert not sessions.passed(session.id, "none has taken it", FACE)
    with sessions.taken("t1", session.id) as attempt:
        assert not sessions.passed(session.id, "another", FACE)
        assert sessions.failed(session.id, attempt, "jump")
    found = sessions.get("t1", session.id)
    assert (found.state, found.failure) == (LivenessState.FAILED, "jump")


def test_a_check_that_is_done_twice_ends_the_same(sessions: LivenessSessions, session: LivenessSession) -> None:
    attempt = answered(sessions, session)
    assert sessions.passed(session.id, attempt, FACE)
    assert isinstance(sessions.redeem("t1", session.id, by="job"), PassedFace)
    assert sessions.passed(session.id, attempt, FACE)
    assert state(sessions, session) is LivenessState.USED


def test_the_face_that_passed_is_kept_for_three_minutes(
    sessions: LivenessSessions, session: LivenessSession, redis: Redis
) -> None:
    answered(sessions, session)
    assert REDEEM_S - 5 < int(redis.ttl(f"{PREFIX}liveness:{session.id}")) <= REDEEM_S
    face = sessions.redeem("t1", session.id, by="job")
    assert isinstance(face, PassedFace)
    assert face.model == MODEL
    assert face.embedding == pytest.approx(FACE)
    assert face.likeness(FACE) == pytest.approx(1)
    assert face.likeness((0.8, -0.6)) == pytest.approx(0, abs=1e-6)


def test_a_session_counts_once_but_again_for_the_same_job(sessions: LivenessSessions, session: LivenessSession) -> None:
    answered(sessions, session)
    first = sessions.redeem("t1", session.id, by="job-1")
    assert sessions.redeem("t1", session.id, by="job-2") is Unredeemable.USED
    assert sessions.redeem("t1", session.id, by="job-1") == first


def test_only_a_session_that_passed_counts(sessions: LivenessSessions, session: LivenessSession) -> None:
    assert sessions.redeem("t1", session.id, by="job") is Unredeemable.OPEN
    with sessions.taken("t1", session.id) as attempt:
        assert sessions.redeem("t1", session.id, by="job") is Unredeemable.CHECKING
        sessions.failed(session.id, attempt, "jump")
    assert sessions.redeem("t1", session.id, by="job") is Unredeemable.FAILED


def test_frames_of_another_attempt_are_recognised_within_a_tenant(sessions: LivenessSessions, redis: Redis) -> None:
    assert not sessions.seen_before("t1", "a", ["x", "y"])
    assert not sessions.seen_before("t1", "a", ["x", "y"])  # the job was done twice
    assert sessions.seen_before("t1", "b", ["z", "y"])
    assert not sessions.seen_before("t2", "c", ["x"])
    assert 0 < int(redis.ttl(f"{PREFIX}liveness-frame:t1:x")) <= 24 * 3600


@pytest.mark.parametrize("word", Unredeemable)
def test_every_refusal_says_what_to_do(word: Unredeemable) -> None:
    assert word.advice.endswith(".")


def test_an_unreachable_redis_is_said_to_be() -> None:
    nowhere = LivenessSessions(Redis.from_url("redis://127.0.0.1:1/0"), PREFIX)
    with pytest.raises(QueueUnavailable):
        nowhere.create("t1", CHALLENGE, MODEL)

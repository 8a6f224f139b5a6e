"""The lines of the protocol, each of which can be taken away to see what it is for."""

from __future__ import annotations

from enum import Enum


class Line(Enum):
    """One line of the protocol. The value says it in words."""

    DURABLE = "a PUT leaves only once its `sending` entry is durable"
    PLACE = "an owner whose place in the run's stream is taken ends for good"
    OWN_TOKEN = "an append of unknown fate is settled by reading back the owner's own token"
    FIRST_TRY = "an entry that is written again keeps the time of its first try, from which its lease counts"
    CHECK_AFTER = "the lease is asked after the append, not before it"
    CHECK_PUT = "the lease must outlive the PUT's whole timeout"
    CHECK_SKEW = "and the skew on top"
    MONO = "the lease is asked by the monotonic clock"
    WALL = "the lease is asked by the time of day as well"
    FENCE = "an owner that finds its lease lapsed writes nothing but `taken_over`"
    OLD_LEASE = "an entry that came through only after the lease before it had ended renews nothing: the owner has lapsed"
    WAIT = "a successor waits for the end of the lease"
    WAIT_PUT = "and for the longest PUT on top"
    WAIT_SKEW = "and for the skew on top"
    DOUBT = "IDs in `sending` without `sent` go to evidence, never to the API"
    LOST = "a lost answer is never `again`"
    SETTLE = "an attempt without evidence is given up only when its PUT must be over"
    SHARED = "evidence counts only if nobody else has held the instance since the baseline"
    SINCE = "since the baseline, that is, not since the run's latest claim"
    SHARED_AGAIN = "and so does evidence that is seen before another attempt"
    CLAIM = "an instance is claimed before anything is sent"
    CLAIM_PLACE = "a claim is written to the place after the last entry that was read"
    CLAIM_WAIT = "the claim of a run at work stands until it may be taken over"
    CLAIM_STAYS = "also while that run is handed over"
    ASK_AGAIN = "after `taken_over` the claims are asked again"
    CLAIM_ANEW = "and written anew, even where this run's own claim is the last on record"
    LEAVE = "an instance is let go of only when its outcome is on record"
    HALT = "the lever is read before each attempt"
    HOP = "an invocation hands over only when each of its attempts has its answer"
    TELL = "what is not on record is told as deferred"
    SWEEP = "the sweep goes on with a run whose lease has lapsed"


class Assumption(Enum):
    """What the protocol cannot make true, and rests on."""

    FROZEN = "no process is frozen between its last question and the socket for as long as the longest PUT and the skew together"
    CLOCKS = "clocks differ by no more than the skew"
    TIMEOUT = "a PUT that is carried out is so within its timeout"

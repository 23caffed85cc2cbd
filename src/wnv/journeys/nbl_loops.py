"""Compiled loops that follow NBLs through switches and tie frames to them; the rules of `kernels` hold here too.

Columns of sightings are those of `layout`. Import this module inside the function that needs it.
"""

from __future__ import annotations

import numpy as np

from wnv.arrays import I64
from wnv.journeys import layout as c
from wnv.journeys.table_loops import slot_of
from wnv.kernels import njit

_RIGHT_AFTER_NS = 50_000

# Columns of a thread's run, and of a lifetime.
(
    R_THREAD, R_PHASE, R_N_NBLS, R_N_FRAMES, R_LAST_ROW, R_LAST_TS, R_STATION, R_RUN, R_N_ROUTED, R_SESSION, R_FIRST,
) = range(11)  # fmt: skip
RUN_MAX = 256
N_RUN = R_FIRST + 3 * RUN_MAX
"""The run's NBLs, its frames, and the NBLs routed last, which are still to be delivered."""
(
    L_NBL, L_SWITCH, L_SESSION, L_TS, L_N_FRAMES, L_FIRST_FRAME, L_LAST_FRAME, L_TIE, L_WHY, L_NUMBER, L_N_ROUTED,
    L_N_PENDING, L_BEFORE, L_THREAD, L_RUN, L_SOURCE,
    L_PLACE, L_DIR,  # where it was routed to last
    L_FIRST_PENDING,
) = range(19)  # fmt: skip
_LIVES_LOOKED_AT = 64
_OTHER_RUNS_LOOKED_AT = 3
_AGAIN_LOOKED_AT = 8
PENDING_MAX = 16
"""NICs that an NBL is still to be delivered to; beyond these any delivery is believed."""
N_LIFETIME = L_FIRST_PENDING + PENDING_MAX
IDLE, RECEIVING, ENTERING, ROUTING, LEAVING = range(5)


@njit
def _logged_before(run: I64, sights: I64, base: int, k: int) -> int:
    """The sighting among the run's frames that is the same packet as the k-th; -1 = none."""
    sight = int(np.int64(run[R_FIRST + RUN_MAX + k])) - base
    for before in range(max(0, k - _AGAIN_LOOKED_AT), k):
        other = int(np.int64(run[R_FIRST + RUN_MAX + before])) - base
        if 0 <= other < sights.shape[1] and sights[c.CONTENT, sight] != 0:
            is_same = (
                sights[c.CONTENT, other] == sights[c.CONTENT, sight]
                and sights[c.HASH_32, other] == (sights[c.HASH_32, sight])
            )
            if is_same and sights[c.TUPLE, other] == sights[c.TUPLE, sight]:
                return other
    return -1


@njit
def _logged_behind_routed(run: I64, lifetimes: I64, sights: I64, base: int, i: int) -> int:
    """Of a frame into the switch behind the thread's 57: the sighting of the same packet on its way in; -1 = none."""
    cap = lifetimes.shape[0]
    for k in range(int(np.int64(run[R_N_NBLS]))):
        number = int(np.int64(run[R_FIRST + k]))
        life = number % cap
        first = int(np.int64(lifetimes[life, L_FIRST_FRAME])) - base
        if lifetimes[life, L_NUMBER] != number or not 0 <= first < sights.shape[1] or sights[c.CONTENT, i] == 0:
            continue
        is_same = sights[c.CONTENT, first] == sights[c.CONTENT, i] and sights[c.TUPLE, first] == sights[c.TUPLE, i]
        if (
            is_same
            and sights[c.PLACE, first] == sights[c.PLACE, i]
            and sights[c.HASH_32, first] == sights[c.HASH_32, i]
        ):
            return first
    return -1


@njit
def _close_run(run: I64, lifetimes: I64, sights: I64, base: int, next_frame: I64) -> None:
    """Give the frames of a run to its NBLs: k-th to k-th where they count the same."""
    n_nbls = int(np.int64(run[R_N_NBLS]))
    n_frames = int(np.int64(run[R_N_FRAMES]))
    phase = int(np.int64(run[R_PHASE]))
    if n_nbls > 0 and n_frames > 0 and phase in (ENTERING, LEAVING):
        cap = lifetimes.shape[0]
        n_again = 0
        for k in range(n_frames):
            sight = int(np.int64(run[R_FIRST + RUN_MAX + k])) - base
            if sight < 0 or sight >= sights.shape[1]:
                continue
            same = _logged_before(run, sights, base, k) if n_nbls == 1 and phase == ENTERING else -1
            if same >= 0:  # no NBL owns one packet twice
                n_again += 1
                for column in (c.KEY_KIND, c.KEY_ONE, c.KEY_TWO, c.TIE, c.TIE_WHY):
                    sights[column, sight] = sights[column, same]
                continue
            if n_frames == n_nbls:
                which, index, tie, why = k, 0, 900, c.WHY_BEHIND_NBL
            elif n_nbls == 1:
                which, index, tie, why = 0, k - n_again, 900, c.WHY_BEHIND_NBL
            else:
                which = k * n_nbls // n_frames if n_frames > n_nbls else k
                index, tie, why = 0, 400, c.WHY_CHAIN_UNEQUAL
            number = int(np.int64(run[R_FIRST + which]))
            life = number % cap
            if lifetimes[life, L_NUMBER] != number:
                continue
            if phase == ENTERING:
                first = int(np.int64(lifetimes[life, L_FIRST_FRAME])) - base
                if (
                    lifetimes[life, L_N_FRAMES] > 0
                    and 0 <= first < sights.shape[1]
                    and sights[c.EVENT, first] == c.EGRESS
                ):
                    lifetimes[life, L_N_FRAMES] = 0  # another thread was done with it before this run was closed
                if n_nbls > 1 and n_frames != n_nbls:
                    index = int(np.int64(lifetimes[life, L_N_FRAMES]))
                sights[c.KEY_KIND, sight] = c.KEY_NBL
                sights[c.KEY_ONE, sight] = number
                sights[c.KEY_TWO, sight] = index
                sights[c.TIE, sight] = tie
                sights[c.TIE_WHY, sight] = why
                lifetimes[life, L_TIE] = min(lifetimes[life, L_TIE], tie)
                if tie < 900:
                    lifetimes[life, L_WHY] = why
                if lifetimes[life, L_N_FRAMES] == 0:
                    lifetimes[life, L_FIRST_FRAME] = sight + base
                else:
                    before = int(np.int64(lifetimes[life, L_LAST_FRAME])) - base
                    if 0 <= before < sights.shape[1]:
                        next_frame[before] = sight + base
                lifetimes[life, L_LAST_FRAME] = sight + base
                lifetimes[life, L_N_FRAMES] += 1
            else:
                if tie == 900 and sights[c.FLAGS, sight] & c.IS_UNPLACED and lifetimes[life, L_N_ROUTED] == 1:
                    sights[c.PLACE, sight] = lifetimes[life, L_PLACE]
                    sights[c.DIR, sight] = lifetimes[life, L_DIR]
                    sights[c.STATION, sight] = lifetimes[life, L_FIRST_PENDING]
                # Behind the switch the content decides; order alone only where nothing was seen before it.
                first = int(np.int64(lifetimes[life, L_FIRST_FRAME])) - base
                for _ in range(index):
                    if 0 <= first < sights.shape[1]:
                        first = int(np.int64(next_frame[first])) - base
                is_same = lifetimes[life, L_N_FRAMES] == 0
                if 0 <= first < sights.shape[1]:
                    is_same = sights[c.CONTENT, first] == sights[c.CONTENT, sight]
                if is_same and tie == 900:
                    if lifetimes[life, L_N_FRAMES] == 0 and index == 0:  # what came in had another address
                        lifetimes[life, L_FIRST_FRAME] = sight + base
                        lifetimes[life, L_LAST_FRAME] = sight + base
                        lifetimes[life, L_N_FRAMES] = 1
                    sights[c.KEY_KIND, sight] = c.KEY_NBL
                    sights[c.KEY_ONE, sight] = number
                    sights[c.KEY_TWO, sight] = index
                    sights[c.TIE, sight] = tie
                    sights[c.TIE_WHY, sight] = why
                    # The other rows of the event are the frame at its other destinations.
                    more = sight + 1
                    while more < sights.shape[1] and sights[c.ROW, more] == sights[c.ROW, sight]:
                        for column in (c.KEY_KIND, c.KEY_ONE, c.KEY_TWO, c.TIE, c.TIE_WHY):
                            sights[column, more] = sights[column, sight]
                        more += 1
    run[R_N_FRAMES] = 0
    if phase == LEAVING:
        run[R_N_NBLS] = 0
        run[R_PHASE] = IDLE


@njit
def _pending(lifetime: I64, station: int) -> int:
    """Where a NIC stands among those an NBL is still to be delivered to; -1 = it does not."""
    for k in range(min(int(np.int64(lifetime[L_N_PENDING])), PENDING_MAX)):
        if lifetime[L_FIRST_PENDING + k] == station:
            return k
    return -1


@njit
def _cross_off(lifetime: I64, place: int) -> None:
    """One delivery less to come: that at a place among them; -1 = one that is not named."""
    if place >= 0:
        last = min(int(np.int64(lifetime[L_N_PENDING])), PENDING_MAX) - 1
        lifetime[L_FIRST_PENDING + place] = lifetime[L_FIRST_PENDING + last]
    lifetime[L_N_PENDING] -= 1


@njit
def _goes_on(
    lifetimes: I64, newest: int, is_delivery: bool, station: int, source: int, thread: int, routed_last: int,
    thread_run: int, is_strict: bool, ts: int, tells_routes: bool,
) -> int:  # fmt: skip
    """The lifetime of an address that an event belongs to; -1 = none of them.

    Delivered is what was routed there, and that once: a delivery is crossed off. Addresses are used again at once,
    also by clones, which nothing announces, and what one thread logs can be late beside another's. In one run of
    events of a chain the first goes with the first.
    """
    cap = lifetimes.shape[0]
    run = lifetimes[newest % cap, L_RUN]
    on_thread, elsewhere, n_others = -1, -1, 0
    number = newest
    for _ in range(_LIVES_LOOKED_AT):
        if number < 0 or lifetimes[number % cap, L_NUMBER] != number:
            break
        lifetime = lifetimes[number % cap]
        if is_delivery:
            is_open = _pending(lifetime, station) >= 0 or lifetime[L_N_PENDING] > PENDING_MAX
        elif source != -1 and lifetime[L_SOURCE] != -1 and lifetime[L_SOURCE] != source:
            is_open = False  # it came in elsewhere: the address is used again, by a clone
        else:
            if number == routed_last and lifetime[L_N_PENDING] > 0 and _pending(lifetime, station) < 0:
                return number  # to one more destination
            # A thread that has taken further NBLs since will not route this one: its address is used again.
            is_late = (
                ts - lifetime[L_TS] > _RIGHT_AFTER_NS if lifetime[L_THREAD] != thread else lifetime[L_RUN] != thread_run
            )
            is_open = lifetime[L_N_ROUTED] == 0 and not is_late
        if is_open and lifetime[L_THREAD] == thread:
            if on_thread < 0 or lifetime[L_RUN] == run:
                on_thread = number
        elif is_open and elsewhere < 0:
            elsewhere = number
        if lifetime[L_RUN] != run:
            n_others += 1
            if n_others >= _OTHER_RUNS_LOOKED_AT:
                break
        number = int(np.int64(lifetime[L_BEFORE]))
    found = on_thread if on_thread >= 0 else elsewhere
    if is_delivery and is_strict and (on_thread < 0 or lifetimes[on_thread % cap, L_RUN] != thread_run):
        return -1
    if found >= 0:
        if is_delivery:
            _cross_off(lifetimes[found % cap], _pending(lifetimes[found % cap], station))
        return found
    lifetime = lifetimes[newest % cap]
    if is_delivery and lifetime[L_N_ROUTED] == 0 and (lifetime[L_THREAD] == thread or not tells_routes):
        return newest  # that it was routed was not recorded
    is_here = source == -1 or lifetime[L_SOURCE] == -1 or lifetime[L_SOURCE] == source
    return newest if not is_delivery and is_here and lifetime[L_N_PENDING] > 0 else -1


@njit
def _original(lifetimes: I64, run: I64, station: int) -> int:
    """Of a clone that is delivered: the NBL that the thread routed there last and has not delivered yet; -1 = none."""
    cap = lifetimes.shape[0]
    for k in range(int(np.int64(run[R_N_ROUTED]))):
        number = int(np.int64(run[R_FIRST + 2 * RUN_MAX + k]))
        lifetime = lifetimes[number % cap]
        if lifetime[L_NUMBER] == number and lifetime[L_N_ROUTED] > 1:
            place = _pending(lifetime, station)
            if place >= 0:
                _cross_off(lifetime, place)
                return number
    return -1


@njit
def tie_nbls(
    sights: I64, first: int, n: int, base: int, nbls: I64, switches: I64, runs: I64, run_slots: I64,
    lifetimes: I64, life_slots: I64, next_frame: I64, scalars: I64, expiry_ns: int,
) -> None:  # fmt: skip
    """Lifetimes of NBLs in switches, and the frames logged behind their events (vmswitch.md, "An NBL's way").

    Sightings `first` to `n - 1` are new; those before may still be changed. `nbls`, `switches`: address and switch of
    events about NBLs. `run_slots` finds the run of a thread, `life_slots` the last lifetime of an address.
    """
    cap = lifetimes.shape[0]
    mask = life_slots.size - 1
    run_mask = run_slots.size - 1
    for i in range(first, n):
        event = int(np.int64(sights[c.EVENT, i]))
        if event > c.DELIVERED or event == c.FRAME:
            continue
        thread = int(np.int64(sights[c.THREAD, i]))
        recording = int(np.int64(sights[c.SESSION, i]))
        slot = slot_of(thread * 31 + recording, run_mask)
        r = int(np.int64(run_slots[slot]))
        tries = 0
        while r >= 0 and (runs[r, R_THREAD] != thread or runs[r, R_SESSION] != recording) and tries < 32:
            slot = (slot + 1) & run_mask
            r = int(np.int64(run_slots[slot]))
            tries += 1
        if r < 0:
            if scalars[c.Z_RUNS] < runs.shape[0]:
                r = int(np.int64(scalars[c.Z_RUNS]))
                scalars[c.Z_RUNS] += 1
                run_slots[slot] = r
                runs[r, R_THREAD] = thread
                runs[r, R_SESSION] = recording
                runs[r, R_PHASE] = IDLE
            else:
                continue  # more threads than any host has: their frames go by content
        elif runs[r, R_THREAD] != thread or runs[r, R_SESSION] != recording:
            continue
        run = runs[r]
        ts = int(np.int64(sights[c.TS, i]))
        if ts - run[R_LAST_TS] > expiry_ns:
            _close_run(run, lifetimes, sights, base, next_frame)
            run[R_N_NBLS] = 0
            run[R_PHASE] = IDLE
        run[R_LAST_TS] = ts
        phase = int(np.int64(run[R_PHASE]))
        if event == c.INGRESS:
            if phase in (RECEIVING, ENTERING) and run[R_STATION] == sights[c.STATION, i]:
                if run[R_N_FRAMES] < RUN_MAX:
                    run[R_FIRST + RUN_MAX + run[R_N_FRAMES]] = base + i
                    run[R_N_FRAMES] += 1
                run[R_PHASE] = ENTERING
                continue
            first_sight = _logged_behind_routed(run, lifetimes, sights, base, i) if phase in (ROUTING, LEAVING) else -1
            if first_sight < 0:
                _close_run(run, lifetimes, sights, base, next_frame)
                continue
            for column in (c.KEY_KIND, c.KEY_ONE, c.KEY_TWO, c.TIE, c.TIE_WHY):
                sights[column, i] = sights[column, first_sight]
            continue
        if event == c.EGRESS:
            if phase in (ROUTING, LEAVING):
                if sights[c.ROW, i] != run[R_LAST_ROW]:
                    if run[R_N_FRAMES] < RUN_MAX:
                        run[R_FIRST + RUN_MAX + run[R_N_FRAMES]] = base + i
                        run[R_N_FRAMES] += 1
                    run[R_LAST_ROW] = sights[c.ROW, i]
                run[R_PHASE] = LEAVING
            continue
        nbl, switch, session = int(np.int64(nbls[i])), int(np.int64(switches[i])), int(np.int64(sights[c.SESSION, i]))
        at = slot_of(nbl * 31 + switch * 7 + session, mask)
        number = int(np.int64(life_slots[at]))
        tries = 0
        while number >= 0 and tries < 64:
            life = number % cap
            if (
                lifetimes[life, L_NUMBER] == number
                and lifetimes[life, L_NBL] == nbl
                and (lifetimes[life, L_SWITCH] == switch and lifetimes[life, L_SESSION] == session)
            ):
                break
            if lifetimes[life, L_NUMBER] != number:
                break  # its place was taken over: the slot is free
            at = (at + 1) & mask
            number = int(np.int64(life_slots[at]))
            tries += 1
        is_known = number >= 0 and tries < 64 and lifetimes[number % cap, L_NUMBER] == number
        if is_known and ts - lifetimes[number % cap, L_TS] > expiry_ns:
            is_known = False
        station, source = int(np.int64(sights[c.STATION, i])), int(np.int64(sights[c.SOURCE, i]))
        newest = number if is_known else -1
        if event != c.RECEIVED:
            n_nbls, this_run = int(np.int64(run[R_N_NBLS])), int(np.int64(run[R_RUN]))
            is_delivery = event == c.DELIVERED
            if is_delivery and phase >= ROUTING:  # what the thread has routed it delivers now
                run[R_FIRST + 2 * RUN_MAX : R_FIRST + 2 * RUN_MAX + n_nbls] = run[R_FIRST : R_FIRST + n_nbls]
                run[R_N_ROUTED] = n_nbls
            routed_last = int(np.int64(run[R_FIRST + n_nbls - 1])) if n_nbls > 0 and phase == ROUTING else -1
            number = -1
            if newest >= 0:
                number = _goes_on(
                    lifetimes, newest, is_delivery, station, source, thread, routed_last, this_run, is_delivery, ts,
                    scalars[c.Z_ROUTED] != 0,
                )  # fmt: skip
            if number < 0 and is_delivery:
                number = _original(lifetimes, run, station)
                if number >= 0:
                    sights[c.TIE_WHY, i] = c.WHY_CLONE
            if number < 0 and newest >= 0:
                number = _goes_on(
                    lifetimes, newest, is_delivery, station, source, thread, routed_last, this_run, False, ts,
                    scalars[c.Z_ROUTED] != 0,
                )  # fmt: skip
            is_known = number >= 0
        if event == c.RECEIVED or not is_known:
            number = int(np.int64(scalars[c.Z_LIFETIME]))
            scalars[c.Z_LIFETIME] += 1
            life = number % cap
            life_slots[at] = number
            lifetimes[life, L_NBL] = nbl
            lifetimes[life, L_SWITCH] = switch
            lifetimes[life, L_SESSION] = session
            lifetimes[life, L_N_FRAMES] = 0
            lifetimes[life, L_FIRST_FRAME] = -1
            lifetimes[life, L_LAST_FRAME] = -1
            lifetimes[life, L_TIE] = 900
            lifetimes[life, L_WHY] = c.WHY_NBL
            lifetimes[life, L_NUMBER] = number
            lifetimes[life, L_BEFORE] = newest
            lifetimes[life, L_THREAD] = thread
            # An address that comes again in what looks like one chain was given back meanwhile: its packet was dropped.
            is_reused = newest >= 0 and lifetimes[newest % cap, L_RUN] == run[R_RUN]
            is_same_run = phase == RECEIVING and event == c.RECEIVED and run[R_STATION] == sights[c.STATION, i]
            if event == c.RECEIVED and is_same_run and is_reused:
                is_same_run, phase = False, IDLE
            lifetimes[life, L_RUN] = run[R_RUN] if is_same_run else number
            run[R_RUN] = lifetimes[life, L_RUN]
            lifetimes[life, L_N_ROUTED] = 1 if event == c.DELIVERED else 0  # a clone's delivery is all there is of it
            lifetimes[life, L_N_PENDING] = 0
            lifetimes[life, L_SOURCE] = station if event == c.RECEIVED else source
        lifetimes[number % cap, L_TS] = ts
        if event == c.ROUTED:
            n_pending = int(np.int64(lifetimes[number % cap, L_N_PENDING]))
            if n_pending < PENDING_MAX:
                lifetimes[number % cap, L_FIRST_PENDING + n_pending] = station
            lifetimes[number % cap, L_N_PENDING] += 1
            lifetimes[number % cap, L_N_ROUTED] += 1
            lifetimes[number % cap, L_PLACE] = sights[c.PLACE, i]
            lifetimes[number % cap, L_DIR] = sights[c.DIR, i]
            scalars[c.Z_ROUTED] = 1
        sights[c.LIFETIME, i] = number
        sights[c.KEY_KIND, i] = c.KEY_NBL
        sights[c.KEY_ONE, i] = number
        sights[c.KEY_TWO, i] = 0
        if event == c.RECEIVED:
            if phase != RECEIVING or run[R_STATION] != sights[c.STATION, i]:
                _close_run(run, lifetimes, sights, base, next_frame)
                run[R_N_NBLS] = 0
                run[R_STATION] = sights[c.STATION, i]
                run[R_PHASE] = RECEIVING
        else:
            if phase != ROUTING or event == c.DELIVERED:
                _close_run(run, lifetimes, sights, base, next_frame)
                run[R_N_NBLS] = 0
                run[R_PHASE] = ROUTING if event == c.ROUTED else IDLE
            if event == c.DELIVERED:
                continue
        n_nbls = int(np.int64(run[R_N_NBLS]))
        if n_nbls > 0 and run[R_FIRST + n_nbls - 1] == number:
            continue  # routed to one more destination
        if n_nbls < RUN_MAX:
            run[R_FIRST + n_nbls] = number
            run[R_N_NBLS] += 1


@njit
def close_runs(
    runs: I64, scalars: I64, lifetimes: I64, sights: I64, base: int, next_frame: I64, before_ts: int
) -> None:  # fmt: skip
    """End the runs of threads that were last heard of before a time."""
    for r in range(int(np.int64(scalars[c.Z_RUNS]))):
        if runs[r, R_N_FRAMES] > 0 and runs[r, R_LAST_TS] < before_ts:
            _close_run(runs[r], lifetimes, sights, base, next_frame)


@njit
def spread_lifetimes(sights: I64, n: int, base: int, lifetimes: I64, copies: I64) -> None:
    """How many packets each of the first `n` sightings stands for: an NBL can own several."""
    cap = lifetimes.shape[0]
    for i in range(n):
        copies[i] = 1
        number = int(np.int64(sights[c.LIFETIME, i]))
        if number >= 0:
            life = number % cap
            if lifetimes[life, L_NUMBER] == number:
                sights[c.TIE, i] = lifetimes[life, L_TIE]
                if sights[c.TIE_WHY, i] != c.WHY_CLONE:
                    sights[c.TIE_WHY, i] = lifetimes[life, L_WHY]
                if lifetimes[life, L_N_FRAMES] > 1:
                    copies[i] = lifetimes[life, L_N_FRAMES]


@njit
def find_frames(
    sights: I64, n: int, held: I64, n_held: int, base: int, lifetimes: I64, next_frame: I64, frame: I64
) -> None:  # fmt: skip
    """For the first `n` sightings that are events about NBLs: the held frame with the packet's bytes; -1 = none any
    more."""
    cap = lifetimes.shape[0]
    for i in range(n):
        frame[i] = -1
        number = int(np.int64(sights[c.LIFETIME, i]))
        if number < 0 or lifetimes[number % cap, L_NUMBER] != number:
            continue
        at = int(np.int64(lifetimes[number % cap, L_FIRST_FRAME]))
        for _ in range(int(np.int64(sights[c.KEY_TWO, i]))):
            if at < base or at - base >= n_held:
                break
            at = int(np.int64(next_frame[at - base]))
        if at >= base and at - base < n_held:
            frame[i] = at - base

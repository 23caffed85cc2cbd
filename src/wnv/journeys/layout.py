"""Columns of the matrices that the loops work on: what is known of a sighting, and of a journey that is still open.

All values are 64-bit integers; -1 or 0 stands for "none" as said here. One place for the numbers, so that loops and
the code around them agree.
"""

from __future__ import annotations

from typing import Final

# --- what was seen: column `EVENT` of a sighting ----------------------------------------------------------

(
    FRAME, INGRESS, EGRESS, RECEIVED, ROUTED, DELIVERED, TRANSLATED, FORWARDED, LEFT_TO_HOST, DROPPED, LOOSE_DROP,
    NOTED,
) = range(12)  # fmt: skip
"""`INGRESS`, `EGRESS`: a frame at a switch port, into and out of the switch. `LOOSE_DROP`: a drop that names no packet,
to be tied by thread, time and NIC. `NOTED`: what a part of Windows says of a packet that it lets pass, which is no hop
of its own."""
EVENT_WORDS: Final = (
    "frame", "frame", "frame", "received", "routed", "delivered", "translated", "forwarded", "left_to_host",
    "dropped", "dropped", "noted",
)  # fmt: skip

# --- a sighting: rows of a matrix (column, sighting) --------------------------------------------------------

(
    ROW,  # in `events`
    TS,
    ORDER,  # what sightings are handled by: their time, later for drops that wait for what follows
    THREAD,
    PLACE,
    DIR,
    EVENT,
    FRAME_ID,  # -1 = none
    SESSION,
    CONTENT,  # fingerprint of what no hop changes; 0 = not known
    TUPLE,  # hash of protocol, addresses and ports; 0 = not known
    TUPLE_BACK,  # of the same with the two sides exchanged
    TUPLE_AFTER,  # of a translation: what the packet has become
    TUPLE_AFTER_BACK,
    ADDRESSES,  # hash of protocol and addresses alone
    IP_ID,  # -1 = none
    HASH_8,  # of the first 8 bytes of payload; -1 = not captured, or changed on the way
    HASH_32,
    WHAT,  # IP version | protocol << 8; of ARP and others version 0 and EtherType << 8
    SRC_HIGH,
    SRC_LOW,
    DST_HIGH,
    DST_LOW,
    PORTS,  # source << 32 | destination, `NO_PORT` where there is none
    MAC_SRC,  # of the frame, so of the carrier where there is one; -1 = none
    MAC_DST,
    VLAN,  # -1 = not recorded
    OUTER,  # hash of the carrier's addresses; 0 = nothing carries it
    OUTER_VERSION,
    OUTER_SRC_HIGH,
    OUTER_SRC_LOW,
    OUTER_DST_HIGH,
    OUTER_DST_LOW,
    VNI,  # -1 = none
    KEY_KIND,  # `NO_KEY`, `KEY_PKTMON`, `KEY_NBL`
    KEY_ONE,
    KEY_TWO,
    APPEARANCE,
    TIE,  # confidence in ‰ that the key is this packet's
    TIE_WHY,
    IS_DROP,
    DROP_CODE,  # -1 = none stated
    DROP_LOCATION,
    DROP_KIND,
    DROP_RULE,  # number of a text; -1 = none
    STATION,  # of the NIC that a loose drop names; -1 = none
    SOURCE,  # station of the NIC that a routed NBL came from; -1 = none
    LENGTH,  # of the packet, in bytes
    SEQ,  # of TCP; of ICMP the identifier; -1 = none
    SEQ_END,  # of TCP behind the payload; of ICMP the identifier
    TCP_FLAGS,
    LIFETIME,  # of an NBL; -1 = none
    FLAGS,
    ASKS,  # what a packet that answers it has in the next column; 0 = none is wanted
    ANSWERS,  # what the packet that it answers has in the column before; 0 = none
    HOST,
    N_SIGHT,
) = range(57)

NO_PORT: Final = 0x7FFFFFFF
NO_KEY, KEY_PKTMON, KEY_NBL = range(3)
IS_GROUP, IS_LARGE, IS_REPLY_LIKE, IS_GFT, IS_UNPLACED, IS_LONG = 1, 2, 4, 8, 16, 32
"""`FLAGS`: to a group address; a large send or coalesced, as Windows states or no wire could carry it; RST or ICMP
error; handled by hardware as well; out of a switch by ports that could not be read; more of TCP or UDP than a frame of
1518 bytes carries."""
QUOTED: Final = 0x51 << 50
"""Part of the number of a packet that an error of ICMP quotes."""
SPREAD: Final = 0x1E3779B1
"""What the detail of a question's number is multiplied by."""

# --- why a link is what it is: `TIE_WHY` and a hop's reason ---------------------------------------------------

(
    WHY_STATED, WHY_NBL, WHY_BEHIND_NBL, WHY_CHAIN_UNEQUAL, WHY_CONTENT, WHY_CONTENT_WEAK, WHY_CONTENT_ALIKE,
    WHY_SESSION, WHY_NAT_INFERRED, WHY_NAT_ALIKE, WHY_THREAD, WHY_TUPLE_ID, WHY_TUPLE_TIME, WHY_DROP_THREAD,
    WHY_DROP_ALIKE, WHY_DROP_TUPLE, WHY_RANGE, WHY_ENCAPSULATED, WHY_GAP, WHY_HOSTS, WHY_CLONE,
    WHY_AGAIN, WHY_HOSTS_ALIKE, WHY_HOSTS_BOUND, WHY_MISREAD,
) = range(25)  # fmt: skip
WHY_WORDS: Final = (
    "",
    "same NBL address between received and delivered, as the events' ids are read",
    "frame logged right behind the NBL's event on the same thread",
    "NBLs and frames of a chain do not count the same",
    "same content",
    "same addresses and ports, little content to compare",
    "same content as several packets on their way",
    "same content, translated like the rest of its session",
    "same content, one side rewritten: NAT inferred",
    "one side rewritten, several packets alike",
    "same thread and NIC, right after",
    "same addresses, ports and IP id",
    "same addresses and ports, right after",
    "drop on the same thread, at the NIC where the packet was last seen",
    "drop on the same thread; several packets could be meant",
    "drop of the same addresses and ports, right after",
    "same TCP bytes, cut or joined by offload",
    "carried in another packet since",
    "sightings in between are missing",
    "same content at the next host",
    "delivered where it was routed, as a clone with an address of its own",
    "the same frame, logged again at the same port right after",
    "same content at the next host, as several packets on their way",
    "same content at the next host, whose clock packets bound on one side only",
    "as the ids of the switch's events are read, which this recording contradicts",
)

# --- places: rows of a matrix (column, place) -----------------------------------------------------------------

(
    STATION_OF,  # places at one NIC share it; -1 = not known
    SWITCH_OF,
    CLASS_NONE, CLASS_IN, CLASS_OUT,  # class by direction
    IS_STACK,  # the NIC is the host's own, or of an unknown owner: packets can be forwarded from it
    IS_PHYSICAL,
    MAC_OF,  # of the NIC; -1 = not known
    N_PLACE,
) = range(9)  # fmt: skip
UNCLEAR, ENTRY, EXIT, WIRE = range(4)
"""Class of a place in a direction: packets start there; end there, at a NIC's owner; leave the host there."""

# --- an open journey: rows of a matrix (journey, column) --------------------------------------------------------

(
    J_ID, J_SESSION, J_FIRST_TS, J_LAST_TS, J_HOPS, J_FIRST_PLACE, J_LAST_PLACE, J_LAST_DIR, J_LAST_EVENT, J_THREAD,
    J_CONTENT, J_TUPLE, J_TUPLE_BACK, J_ADDRESSES, J_IP_ID, J_HASH_8, J_HASH_32, J_WHAT, J_SRC_HIGH, J_SRC_LOW,
    J_DST_HIGH, J_DST_LOW, J_PORTS, J_LAST_WHAT, J_LAST_SRC_HIGH, J_LAST_SRC_LOW, J_LAST_DST_HIGH, J_LAST_DST_LOW,
    J_LAST_PORTS, J_MAC_SRC, J_MAC_DST, J_OUTER, J_OUTER_VERSION, J_OUTER_SRC_HIGH, J_OUTER_SRC_LOW,
    J_OUTER_DST_HIGH, J_OUTER_DST_LOW, J_VNI, J_VLAN, J_CONFIDENCE, J_WHY, J_FLAGS, J_DROP, J_DROP_TS, J_DROP_CODE,
    J_DROP_LOCATION, J_DROP_KIND, J_FRAME, J_LENGTH, J_SEQ, J_SEQ_END, J_TCP_FLAGS, J_PATH, J_VISITED, J_APPEARANCE,
    J_FIRST_TUPLE, J_FIRST_TUPLE_BACK, J_FIRST_DIR, J_LAST_ROW,
    J_NEXT_SEEN, J_NEXT_ACTIVE, J_LOCAL, J_DROP_RULE,
    J_CONTENT_NEXT, J_CONTENT_PREV, J_TUPLE_NEXT, J_TUPLE_PREV, J_LRU_NEXT, J_LRU_PREV, J_KEYS, J_IS_OPEN,
    J_RING,  # where it stands in its thread's ring
    J_LIST,  # which list of journeys by time it is in: 0 may go on, 1 has arrived
    J_ASKS,  # as last seen; 0 = no answer is wanted
    J_ANSWERS,  # as first seen; 0 = it answers none
    J_ANSWER,  # id of the journey that answered it; 0 = none
    J_ANSWER_KIND, J_ANSWER_PLACE, J_ANSWER_DIR,  # where that was first seen
    J_FIRST_HELD,  # its hops among those held, see `hops_loops`: row + 1, 0 = none
    J_LAST_HELD,
    J_N_HELD,
    J_HOST,  # where it was seen last
    J_FIRST_HOST,
    J_DROP_SESSION,  # whose numbers name the reason
    J_WHOLE_SEQ,  # of TCP, where the packet begins that offload cuts, or has joined; -1 = it is not known to do either
    J_WHOLE_END,
    J_WHOLE_TUPLE,  # under which the whole is listed
    J_COVER,  # number of the newest cover; 0 = none
    J_DROP_SEQ,  # of TCP, of the segment that was dropped last; -1 = none, or no segment was
    J_DROP_BYTES,  # of its segments that were dropped
    J_PARTS,  # journeys that were joined into it: the first
    J_NEXT_PART,
    J_N_PARTS,
    J_PART_OF,  # id of the journey it was joined into; 0 = none
    J_DROP_ALSO,  # bits of kinds (`DROP_KIND`) that told of the same drop later
    N_JOURNEY,
) = range(97)  # fmt: skip
(
    J_TRANSLATED, J_IS_DROPPED, J_WAS_DELIVERED, J_HAS_LEFT, J_IS_GROUP, J_HAS_GAP, J_MOVED_ON, J_IS_GFT, J_FANNED,
    J_IS_ALIKE,
) = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # fmt: skip
"""`J_FLAGS`. `J_MOVED_ON`: it was seen elsewhere after it was dropped. `J_IS_ALIKE`: what was seen as another packet of
the same content can have been this one."""
J_CROSSED: Final = 1 << 24
"""`J_FLAGS`: it came to another host. `J_TRANSLATED` and `J_HAS_LEFT` are then of the host where it was seen last, but
for packets to a group."""
J_IS_LARGE, J_IS_CUT, J_IS_JOINED, J_PART_DROPPED, J_PART_MISSING, J_MAY_BE_PART = (
    1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21,
)  # fmt: skip
"""`J_FLAGS` of offload: stated to be large; seen as segments; joined from segments; a segment, not all of it, was
dropped; not all of its segments were seen where it was seen last; offload may have cut it, or joined it with others,
without a sign into what."""

STATED_LOCAL: Final = 1 << 40
"""`J_LOCAL` of an address that the recording says is the host's; less where its packets only came out of it."""

VISITED_MAX: Final = 48
"""Places of one journey that are remembered; more hops are counted, and their places no longer compared."""

# --- a question and its answer: rows of a matrix ----------------------------------------------------------------

A_KEY, A_HOST, A_ASKER, A_ASKED_TS, A_ANSWER, A_TS, A_PLACE, A_DIR, A_KIND, N_ANSWER = range(10)

# --- an identity of a journey: rows of a matrix -----------------------------------------------------------------

K_KIND, K_ONE, K_TWO, K_JOURNEY, K_NEXT, K_OF_JOURNEY, N_KEY = range(7)

# --- what linking says of each sighting: rows of a matrix (column, sighting) -------------------------------------

(
    O_JOURNEY,  # id; 0 = none
    O_SLOT,  # its row among the open ones
    O_CONFIDENCE, O_WHY, O_CHANGED, O_DROP, O_PLACE, O_DIR, O_WHAT, O_SRC_HIGH, O_SRC_LOW,
    O_DST_HIGH, O_DST_LOW, O_PORTS, O_OLD_SRC_HIGH, O_OLD_SRC_LOW, O_OLD_DST_HIGH, O_OLD_DST_LOW, O_OLD_PORTS,
    O_OLD_MAC_SRC, O_OLD_MAC_DST, O_OLD_VNI, O_OLD_WHAT, O_OUTER_VERSION, O_OUTER_SRC_HIGH, O_OUTER_SRC_LOW,
    O_OUTER_DST_HIGH, O_OUTER_DST_LOW, O_VNI, O_OLD_VLAN,
    O_PARTS,  # segments of the packet seen there so far, or joined there
    N_OUT,
) = range(32)  # fmt: skip
CHANGED_SRC, CHANGED_DST, CHANGED_MAC_SRC, CHANGED_MAC_DST, CHANGED_OUTER, CHANGED_VLAN = 1, 2, 4, 8, 16, 32
IS_PART, CHANGED_CUT, CHANGED_JOINED, CHANGED_PART_DROPPED = 64, 128, 256, 512
"""`O_CHANGED` of offload: a segment of the packet; the first place where segments were seen; the first place where it
was seen joined; a segment of it was dropped."""
CHANGED_BY_OFFLOAD: Final = CHANGED_CUT | CHANGED_JOINED | CHANGED_PART_DROPPED
DROP_IS_SAME: Final = 1 << 62
"""Added to `O_DROP` where a drop was told before by another event."""

# --- scalars of the stitcher --------------------------------------------------------------------------------------

(
    Z_NEXT_ID, Z_NEXT_DROP, Z_FREE, Z_KEY_FREE,
    Z_FIRST,  # of journeys that may go on, by time of last sighting; then of those that have arrived
    Z_FIRST_ARRIVED,
    Z_LAST,
    Z_LAST_ARRIVED,
    Z_OPEN, Z_LIFETIME, Z_FORCED, Z_RUNS,
    Z_ROUTED,  # 1: the recording says where switches route
    Z_CROSSED,  # journeys that came to another host and are still to be taken
    Z_COVER,  # number of the cover begun last
    Z_HAS_LARGE,  # 1: a packet was seen that offload can cut
    N_SCALARS,
) = range(17)  # fmt: skip

# --- hosts: rows of a matrix (host, column) -----------------------------------------------------------------------

LOST_BETWEEN_HOSTS: Final = "lost between the hosts"
"""How the reason of such a journey begins."""
H_SURE, H_ERROR, N_HOST = range(3)
"""How sure the offset of its clock is, in ‰, 0 = it is not known; and to within how many ns."""
HOST_MIX: Final = 0x5851F42D4C95
"""What makes hashes of addresses those of one host: times its number, so that the first host's stay as they are."""
REVERSE: Final = 0x2EAD << 46
"""Added to such a hash of a tuple: in the table of translations it stands for the tuple that became this one."""

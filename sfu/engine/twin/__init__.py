"""The readable twin of the engine's pure parts: the oracle that `sfu.engine.pure` is tested by.

Nothing of the product runs on it. No I/O, no clock: bytes and `now` in, values out.
"""

from sfu.engine.twin.munge import Munger
from sfu.engine.twin.rtcp import (
    parse_rtcp,
    write_cname,
    write_nack,
    write_pli,
    write_remb,
    write_rr,
    write_sr,
)
from sfu.engine.twin.rtp import parse_rtp, rtp_extension
from sfu.engine.twin.stun import check_stun, reply_stun
from sfu.engine.twin.vp8 import parse_vp8, write_vp8

__all__ = [
    "Munger",
    "check_stun",
    "parse_rtcp",
    "parse_rtp",
    "parse_vp8",
    "reply_stun",
    "rtp_extension",
    "write_cname",
    "write_nack",
    "write_pli",
    "write_remb",
    "write_rr",
    "write_sr",
    "write_vp8",
]

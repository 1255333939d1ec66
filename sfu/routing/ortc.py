"""ORTC negotiation as pure functions: what we offer, what a publisher sends, what a viewer gets.

A publisher's payload types and header-extension ids are its own; a consumer's are those of its
receiver. The engine maps one to the other, packet by packet.
"""

from dataclasses import dataclass

from sfu.control.errors import BadRequest, UnsupportedCodec
from sfu.control.plan import StageCodec
from sfu.control.rtp import (
    Kind,
    RtcpFeedback,
    RtcpParameters,
    RtpCapabilities,
    RtpCodecCapability,
    RtpCodecParameters,
    RtpEncodingParameters,
    RtpHeaderExtension,
    RtpHeaderExtensionParameters,
    RtpParameters,
)

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

_NACK = RtcpFeedback(type="nack")
_VIDEO_FEEDBACK = (
    _NACK,
    RtcpFeedback(type="nack", parameter="pli"),
    RtcpFeedback(type="ccm", parameter="fir"),
    # No transport-cc: a browser stops listening to REMB once it is offered.
    RtcpFeedback(type="goog-remb"),
)

OPUS = RtpCodecCapability(
    kind="audio",
    mime_type="audio/opus",
    preferred_payload_type=100,
    clock_rate=48_000,
    channels=2,
    # No usedtx: a silent microphone keeps sending, so that silence differs from a dead link.
    parameters={"minptime": 10, "useinbandfec": 1},
    rtcp_feedback=(_NACK,),
)
VP8 = RtpCodecCapability(
    kind="video",
    mime_type="video/VP8",
    preferred_payload_type=101,
    clock_rate=90_000,
    rtcp_feedback=_VIDEO_FEEDBACK,
)
H264 = RtpCodecCapability(
    kind="video",
    mime_type="video/H264",
    preferred_payload_type=103,
    clock_rate=90_000,
    parameters={
        "level-asymmetry-allowed": 1,
        "packetization-mode": 1,
        "profile-level-id": "42e01f",
    },
    rtcp_feedback=_VIDEO_FEEDBACK,
)
_STAGE_CODECS: dict[StageCodec, RtpCodecCapability] = {"vp8": VP8, "h264": H264}

HEADER_EXTENSIONS = (
    RtpHeaderExtension(kind="audio", uri=MID, preferred_id=1),
    RtpHeaderExtension(kind="video", uri=MID, preferred_id=1),
    RtpHeaderExtension(kind="audio", uri=ABS_SEND_TIME, preferred_id=4),
    RtpHeaderExtension(kind="video", uri=ABS_SEND_TIME, preferred_id=4),
    RtpHeaderExtension(kind="audio", uri=AUDIO_LEVEL, preferred_id=10),
)


@dataclass(frozen=True)
class StreamFormat:
    """One RTP stream as the engine must know it; `ssrc` 0 is learned from `mid`.

    Extension ids are 0 where the extension was not negotiated.
    """

    mime_type: str
    ssrc: int
    payload_type: int
    clock_rate: int
    channels: int | None
    mid: str
    mid_extension: int
    abs_send_time_extension: int
    audio_level_extension: int


def codec_of(kind: Kind, stage_codec: StageCodec) -> RtpCodecCapability:
    """The one codec of a kind in a session."""
    return OPUS if kind == "audio" else _STAGE_CODECS[stage_codec]


def router_capabilities(stage_codec: StageCodec) -> RtpCapabilities:
    """What a client's `Device.load` is given."""
    return RtpCapabilities(
        codecs=(OPUS, _STAGE_CODECS[stage_codec]), header_extensions=HEADER_EXTENSIONS
    )


def producer_format(parameters: RtpParameters, kind: Kind, stage_codec: StageCodec) -> StreamFormat:
    """Check what a publisher says it sends.

    Raises UnsupportedCodec when it is not the session's codec, BadRequest when the stream cannot
    be told from others or comes in several encodings.
    """
    if len(parameters.encodings) > 1:
        raise BadRequest("publish one encoding: this session takes one layer")
    encoding = parameters.encodings[0] if parameters.encodings else RtpEncodingParameters()
    codec = _sent_codec(parameters, encoding)
    wanted = codec_of(kind, stage_codec)
    if not _compatible(wanted, codec):
        raise UnsupportedCodec(
            f"the session takes {wanted.mime_type} {_describe(wanted)}, the client sends "
            f"{codec.mime_type} {_describe(codec)}: publish with the session's codec"
        )
    ids = {extension.uri: extension.id for extension in parameters.header_extensions}
    if any(extension.encrypt for extension in parameters.header_extensions):
        raise BadRequest("encrypted header extensions (RFC 6904) were not offered")
    ssrc = encoding.ssrc or 0
    mid = parameters.mid or ""
    if not ssrc and not (mid and ids.get(MID)):
        raise BadRequest("name the stream's SSRC, or its mid and the mid header extension")
    return StreamFormat(
        mime_type=wanted.mime_type,
        ssrc=ssrc,
        payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        mid=mid,
        mid_extension=ids.get(MID, 0),
        abs_send_time_extension=ids.get(ABS_SEND_TIME, 0),
        audio_level_extension=ids.get(AUDIO_LEVEL, 0) if kind == "audio" else 0,
    )


def consumer_parameters(
    capabilities: RtpCapabilities,
    kind: Kind,
    stage_codec: StageCodec,
    *,
    ssrc: int,
    mid: str,
    cname: str,
) -> tuple[RtpParameters, StreamFormat]:
    """What a receiver with these capabilities is sent, for it and for the engine.

    Raises UnsupportedCodec when it cannot receive the session's codec.
    """
    wanted = codec_of(kind, stage_codec)
    offered = next((c for c in capabilities.codecs if _receivable(wanted, c)), None)
    if offered is None or offered.preferred_payload_type is None:
        raise UnsupportedCodec(
            f"the client cannot receive {wanted.mime_type}: use a browser that decodes it"
        )
    common = tuple(f for f in wanted.rtcp_feedback if f in offered.rtcp_feedback)
    extensions = tuple(
        RtpHeaderExtensionParameters(uri=known.uri, id=theirs.preferred_id)
        for known in HEADER_EXTENSIONS
        if known.kind == kind
        for theirs in capabilities.header_extensions
        if (theirs.kind, theirs.uri) == (known.kind, known.uri)
        and theirs.direction in ("sendrecv", "recvonly")
    )
    ids = {extension.uri: extension.id for extension in extensions}
    parameters = RtpParameters(
        mid=mid,
        codecs=(
            RtpCodecParameters(
                mime_type=wanted.mime_type,
                payload_type=offered.preferred_payload_type,
                clock_rate=wanted.clock_rate,
                channels=wanted.channels,
                parameters=wanted.parameters,
                rtcp_feedback=common,
            ),
        ),
        header_extensions=extensions,
        encodings=(RtpEncodingParameters(ssrc=ssrc),),
        rtcp=RtcpParameters(cname=cname),
    )
    return parameters, StreamFormat(
        mime_type=wanted.mime_type,
        ssrc=ssrc,
        payload_type=offered.preferred_payload_type,
        clock_rate=wanted.clock_rate,
        channels=wanted.channels,
        mid=mid,
        mid_extension=ids.get(MID, 0),
        abs_send_time_extension=ids.get(ABS_SEND_TIME, 0),
        audio_level_extension=ids.get(AUDIO_LEVEL, 0),
    )


def _sent_codec(parameters: RtpParameters, encoding: RtpEncodingParameters) -> RtpCodecParameters:
    """The codec an encoding names, or the first one."""
    if encoding.codec_payload_type is None:
        return parameters.codecs[0]
    for codec in parameters.codecs:
        if codec.payload_type == encoding.codec_payload_type:
            return codec
    raise BadRequest("the encoding names a payload type that no codec has")


def _compatible(
    wanted: RtpCodecCapability, offered: RtpCodecCapability | RtpCodecParameters
) -> bool:
    """Same codec, rate and channels; H264 also in packetization mode and profile (RFC 6184)."""
    if (
        wanted.mime_type.lower() != offered.mime_type.lower()
        or wanted.clock_rate != offered.clock_rate
        or (wanted.channels or 1) != (offered.channels or 1)
    ):
        return False
    if wanted.mime_type != H264.mime_type:
        return True
    mode = offered.parameters.get("packetization-mode", 0)
    profile = str(offered.parameters.get("profile-level-id", "")).lower()
    return str(mode) == "1" and profile.startswith("42e0")


def _receivable(wanted: RtpCodecCapability, offered: RtpCodecCapability) -> bool:
    return wanted.kind == offered.kind and _compatible(wanted, offered)


def _describe(codec: RtpCodecCapability | RtpCodecParameters) -> str:
    channels = f"/{codec.channels}" if codec.channels else ""
    return f"{codec.clock_rate}{channels}"

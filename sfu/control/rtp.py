"""RTP parameters and capabilities in the shapes of ORTC as `mediasoup-client` speaks them.

Source: W3C ORTC RTCRtpParameters and the mediasoup v3 documentation ("RTP Parameters and
Capabilities"). Field names are camelCase on the wire because a browser library reads them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Kind = Literal["audio", "video"]
PayloadType = Annotated[int, Field(ge=0, le=127)]
Ssrc = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
ExtensionId = Annotated[int, Field(ge=1, le=255)]
ParameterValue = str | int | float | bool | None


class Ortc(BaseModel):
    """Base of every ORTC shape: frozen, camelCase outside, snake_case inside."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore"
    )


class RtcpFeedback(Ortc):
    type: Annotated[str, Field(max_length=32)]
    parameter: Annotated[str, Field(max_length=32)] = ""


class RtpCodecCapability(Ortc):
    kind: Kind
    mime_type: Annotated[str, Field(max_length=64)]
    preferred_payload_type: PayloadType | None = None
    clock_rate: Annotated[int, Field(ge=1, le=192_000)]
    channels: Annotated[int, Field(ge=1, le=8)] | None = None
    parameters: dict[str, ParameterValue] = {}
    rtcp_feedback: tuple[RtcpFeedback, ...] = ()


class RtpHeaderExtension(Ortc):
    kind: Kind
    uri: Annotated[str, Field(max_length=255)]
    preferred_id: ExtensionId
    preferred_encrypt: bool = False
    direction: Literal["sendrecv", "sendonly", "recvonly", "inactive"] = "sendrecv"


class RtpCapabilities(Ortc):
    codecs: Annotated[tuple[RtpCodecCapability, ...], Field(max_length=64)] = ()
    header_extensions: Annotated[tuple[RtpHeaderExtension, ...], Field(max_length=64)] = ()


class RtpCodecParameters(Ortc):
    mime_type: Annotated[str, Field(max_length=64)]
    payload_type: PayloadType
    clock_rate: Annotated[int, Field(ge=1, le=192_000)]
    channels: Annotated[int, Field(ge=1, le=8)] | None = None
    parameters: dict[str, ParameterValue] = {}
    rtcp_feedback: tuple[RtcpFeedback, ...] = ()


class RtpHeaderExtensionParameters(Ortc):
    uri: Annotated[str, Field(max_length=255)]
    id: ExtensionId
    encrypt: bool = False
    parameters: dict[str, ParameterValue] = {}


class RtxParameters(Ortc):
    ssrc: Ssrc


class RtpEncodingParameters(Ortc):
    ssrc: Ssrc | None = None
    rid: Annotated[str, Field(max_length=16)] | None = None
    rtx: RtxParameters | None = None
    codec_payload_type: PayloadType | None = None
    dtx: bool | None = None
    max_bitrate: int | None = None
    scalability_mode: str | None = None


class RtcpParameters(Ortc):
    cname: Annotated[str, Field(max_length=255)] | None = None
    reduced_size: bool = True
    mux: bool = True


class RtpParameters(Ortc):
    """What a producer sends or a consumer receives."""

    mid: Annotated[str, Field(max_length=32)] | None = None
    codecs: Annotated[tuple[RtpCodecParameters, ...], Field(min_length=1, max_length=32)]
    header_extensions: Annotated[
        tuple[RtpHeaderExtensionParameters, ...], Field(max_length=32)
    ] = ()
    encodings: Annotated[tuple[RtpEncodingParameters, ...], Field(max_length=8)] = ()
    rtcp: RtcpParameters = RtcpParameters()


class IceParameters(Ortc):
    username_fragment: str
    password: str
    ice_lite: bool = True


class IceCandidate(Ortc):
    foundation: str
    priority: int
    ip: str
    address: str
    protocol: Literal["udp", "tcp"]
    port: Annotated[int, Field(ge=1, le=65535)]
    type: Literal["host"] = "host"


class DtlsFingerprint(Ortc):
    algorithm: Annotated[str, Field(max_length=16)]
    value: Annotated[str, Field(max_length=256)]


class DtlsParameters(Ortc):
    role: Literal["auto", "client", "server"] = "auto"
    fingerprints: Annotated[tuple[DtlsFingerprint, ...], Field(min_length=1, max_length=8)]

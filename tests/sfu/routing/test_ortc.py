from typing import Any

import pytest

from sfu.control.errors import BadRequest, UnsupportedCodec
from sfu.control.rtp import RtpCapabilities, RtpParameters
from sfu.routing import ortc

CHROMIUM_VIDEO: dict[str, Any] = {
    "mid": "0",
    "codecs": [
        {
            "mimeType": "video/VP8",
            "payloadType": 96,
            "clockRate": 90000,
            "parameters": {},
            "rtcpFeedback": [{"type": "goog-remb", "parameter": ""}],
        }
    ],
    "headerExtensions": [
        {"uri": ortc.MID, "id": 9, "encrypt": False, "parameters": {}},
        {"uri": ortc.ABS_SEND_TIME, "id": 2, "encrypt": False, "parameters": {}},
    ],
    "encodings": [{"ssrc": 3735928559, "maxBitrate": 900000}],
    "rtcp": {"cname": "abc", "reducedSize": True},
    "msid": "- stream",
}
CHROMIUM_AUDIO: dict[str, Any] = {
    "mid": "1",
    "codecs": [
        {
            "mimeType": "audio/opus",
            "payloadType": 111,
            "clockRate": 48000,
            "channels": 2,
            "parameters": {"minptime": 10, "useinbandfec": 1},
        }
    ],
    "headerExtensions": [{"uri": ortc.AUDIO_LEVEL, "id": 14}],
    "encodings": [{"ssrc": 7, "dtx": False}],
}


def changed(base: dict[str, Any], **changes: Any) -> RtpParameters:
    return RtpParameters.model_validate({**base, **changes})


def test_router_offers_remb_and_neither_transport_cc_nor_rtx() -> None:
    text = ortc.router_capabilities("vp8").model_dump_json(by_alias=True)
    assert "goog-remb" in text
    assert "transport-cc" not in text
    assert "rtx" not in text
    assert "usedtx" not in text
    mime_types = [c.mime_type for c in ortc.router_capabilities("h264").codecs]
    assert mime_types == ["audio/opus", "video/H264"]


def test_payload_types_are_distinct() -> None:
    numbers = [c.preferred_payload_type for c in (ortc.OPUS, ortc.VP8, ortc.H264)]
    assert len(set(numbers)) == 3


def test_producer_keeps_the_browsers_numbers() -> None:
    video = ortc.producer_format(RtpParameters.model_validate(CHROMIUM_VIDEO), "video", "vp8")
    assert (video.ssrc, video.payload_type, video.clock_rate) == (3735928559, 96, 90000)
    assert (video.mid, video.mid_extension, video.abs_send_time_extension) == ("0", 9, 2)
    audio = ortc.producer_format(RtpParameters.model_validate(CHROMIUM_AUDIO), "audio", "vp8")
    assert (audio.channels, audio.audio_level_extension, audio.mid_extension) == (2, 14, 0)


def test_stream_without_ssrc_is_learned_from_its_mid() -> None:
    learned = ortc.producer_format(changed(CHROMIUM_VIDEO, encodings=[]), "video", "vp8")
    assert (learned.ssrc, learned.mid) == (0, "0")
    with pytest.raises(BadRequest, match="SSRC"):
        ortc.producer_format(
            changed(CHROMIUM_VIDEO, encodings=[{}], headerExtensions=[]), "video", "vp8"
        )


def test_simulcast_is_refused() -> None:
    with pytest.raises(BadRequest, match="one encoding"):
        ortc.producer_format(
            changed(CHROMIUM_VIDEO, encodings=[{"rid": "r0"}, {"rid": "r1"}]), "video", "vp8"
        )


@pytest.mark.parametrize(
    ("codec", "kind", "stage"),
    [
        ({"mimeType": "video/VP9", "payloadType": 98, "clockRate": 90000}, "video", "vp8"),
        ({"mimeType": "video/VP8", "payloadType": 96, "clockRate": 48000}, "video", "vp8"),
        ({"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000}, "video", "h264"),
        ({"mimeType": "audio/opus", "payloadType": 1, "clockRate": 48000}, "audio", "vp8"),
        ({"mimeType": "audio/PCMU", "payloadType": 0, "clockRate": 8000}, "audio", "vp8"),
        (
            {
                "mimeType": "video/H264",
                "payloadType": 96,
                "clockRate": 90000,
                "parameters": {"packetization-mode": 0, "profile-level-id": "42e01f"},
            },
            "video",
            "h264",
        ),
    ],
)
def test_another_codec_is_a_mismatch(codec: dict[str, Any], kind: Any, stage: Any) -> None:
    with pytest.raises(UnsupportedCodec) as raised:
        ortc.producer_format(changed(CHROMIUM_VIDEO, codecs=[codec]), kind, stage)
    assert raised.value.code == "codec_mismatch"


def test_h264_constrained_baseline_fits() -> None:
    codec = {
        "mimeType": "video/h264",
        "payloadType": 96,
        "clockRate": 90000,
        "parameters": {"packetization-mode": 1, "profile-level-id": "42E01F"},
    }
    accepted = ortc.producer_format(changed(CHROMIUM_VIDEO, codecs=[codec]), "video", "h264")
    assert accepted.mime_type == "video/H264"


def test_consumer_uses_the_receivers_numbers() -> None:
    receiver = RtpCapabilities.model_validate(
        {
            "codecs": [
                {
                    "kind": "video",
                    "mimeType": "video/VP8",
                    "preferredPayloadType": 107,
                    "clockRate": 90000,
                    "rtcpFeedback": [{"type": "nack"}, {"type": "transport-cc"}],
                }
            ],
            "headerExtensions": [
                {"kind": "video", "uri": ortc.MID, "preferredId": 5},
                {"kind": "audio", "uri": ortc.MID, "preferredId": 6},
                {"kind": "video", "uri": "urn:3gpp:video-orientation", "preferredId": 7},
            ],
        }
    )
    parameters, stream = ortc.consumer_parameters(
        receiver, "video", "vp8", ssrc=77, mid="3", cname="stage"
    )
    assert parameters.codecs[0].payload_type == stream.payload_type == 107
    assert [f.type for f in parameters.codecs[0].rtcp_feedback] == ["nack"]
    assert [(e.uri, e.id) for e in parameters.header_extensions] == [(ortc.MID, 5)]
    assert (stream.mid_extension, stream.abs_send_time_extension) == (5, 0)
    assert parameters.encodings[0].ssrc == 77
    assert parameters.rtcp.cname == "stage"
    with pytest.raises(UnsupportedCodec):
        ortc.consumer_parameters(receiver, "audio", "vp8", ssrc=1, mid="1", cname="x")

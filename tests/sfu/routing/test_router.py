"""What a router tells the engine: only what the plan allows, in an order the engine can take."""

import json
from typing import Any, cast

import pytest

from sfu.control.errors import BadRequest, NotFound, NotPermitted, StaleEpoch, UnsupportedCodec
from sfu.control.messages import AudioBusTarget, SlotTarget, WallTarget, WallTile
from sfu.control.plan import (
    AudioBusPlan,
    MediaPlan,
    PublicationKey,
    RecordingPlan,
    SlotPlan,
    Source,
    SourceRef,
)
from sfu.control.rtp import RtpCapabilities, RtpParameters
from sfu.control.tap import TapRecord
from sfu.engine.native import PacketEngine
from sfu.routing.numbers import Numbers
from sfu.routing.ortc import MID, router_capabilities
from sfu.routing.producer import KIND_OF
from sfu.routing.router import Router
from sfu.routing.tap import Tap
from sfu.transport.dtls import DtlsCertificate
from tests.sfu.routing.recording_engine import RecordingEngine

CERTIFICATE = DtlsCertificate()
CAPABILITIES = router_capabilities("vp8")


def ref(venue: str, source: Source) -> SourceRef:
    return SourceRef(venue_id=venue, source=source)


def plan(
    video: str | None = None,
    *,
    audio: str | None = None,
    alternate: str | None = None,
    heard: str | None = None,
    taps: tuple[SourceRef, ...] | None = None,
    version: int = 1,
    **changes: Any,
) -> MediaPlan:
    fields: dict[str, Any] = {
        "session_id": "s",
        "log_version": version,
        "slots": (
            SlotPlan(
                slot=1,
                video=ref(video, "camera") if video else None,
                audio=ref(audio, "microphone") if audio else None,
                alternate=ref(alternate, "camera") if alternate else None,
            ),
            SlotPlan(slot=2),
        ),
        "audio_buses": (
            AudioBusPlan(bus=1, source=ref(heard, "microphone") if heard else None),
            AudioBusPlan(bus=2),
        ),
        "recording": None if taps is None else RecordingPlan(recording_id="r1", taps=taps),
    }
    return MediaPlan(**(fields | changes))


class Scene:
    """A router on a recording engine, with publishing venues by name."""

    def __init__(self, first: MediaPlan) -> None:
        self.engine = RecordingEngine()
        self.states: list[tuple[str, str]] = []
        self.router = Router(
            cast(PacketEngine, self.engine),
            CERTIFICATE,
            Numbers(),
            first,
            state_changed=lambda _router, transport, _reason: self.states.append(
                (transport.transport_id, transport.state)
            ),
        )

    def publish(self, venue: str, source: Source, generation: int = 1, **changes: Any) -> int:
        """Returns the engine's stream."""
        transport_id = f"{venue}-send"
        if transport_id not in self.router.members:
            self.router.open_transport(transport_id, "send", venue, None)
        audio = KIND_OF[source] == "audio"
        producer = self.router.open_producer(
            transport_id,
            f"{venue}-{source}-{generation}",
            PublicationKey(venue_id=venue, source=source, generation=generation),
            KIND_OF[source],
            RtpParameters.model_validate(
                {
                    "codecs": [
                        {
                            "mimeType": "audio/opus",
                            "payloadType": 111,
                            "clockRate": 48000,
                            "channels": 2,
                        }
                        if audio
                        else {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000}
                    ],
                    "mid": "7",
                    "headerExtensions": [{"uri": MID, "id": 4}],
                    "encodings": [{"ssrc": abs(hash((venue, source, generation))) % 10**9 + 1}],
                    **changes,
                }
            ),
        )
        return producer.stream

    def bus(self, name: str) -> int:
        """Engine handle of the bus that a viewer knows by this name."""
        known = [*self.router._stage._slots.values(), *self.router._stage._audio.values()]
        return next(bus.handle for bus in known if bus.identity == name)

    def fed(self, name: str) -> tuple[int, int]:
        return self.engine.buses[self.bus(name)]

    def view(self, name: str, *targets: Any, venue: str | None = None) -> Any:
        if name not in self.router.members:
            self.router.open_transport(name, "recv", venue, None)
        return self.router.open_consumers(name, CAPABILITIES, targets)


def test_buses_are_fed_from_the_plan_when_the_source_appears() -> None:
    scene = Scene(plan("a", audio="a"))
    assert scene.fed("slot-1-video") == (0, 0)
    camera, microphone = scene.publish("a", "camera"), scene.publish("a", "microphone")
    assert scene.fed("slot-1-video") == (camera, 0)
    assert scene.fed("slot-1-audio") == (microphone, 0)
    scene.router.apply(plan("a", audio=None, heard="a"))
    assert scene.fed("slot-1-audio") == (0, 0)
    assert scene.fed("audio-1") == (microphone, 0)


def test_an_unheard_microphone_is_on_no_bus() -> None:
    scene = Scene(plan("a", audio="a", heard="b"))
    streams = {venue: scene.publish(venue, "microphone") for venue in "abc"}
    fed = {stream for stream, _alternate in scene.engine.buses.values()}
    assert fed == {0, streams["a"], streams["b"]}


def test_alternate_of_the_source_venue() -> None:
    scene = Scene(plan("a", alternate="main"))
    a, main = scene.publish("a", "camera"), scene.publish("main", "camera")
    assert scene.fed("slot-1-video") == (a, main)
    scene.router.close_producer("main-camera-1")
    assert scene.fed("slot-1-video") == (a, 0)
    scene.publish("main", "camera", 2)
    scene.router.apply(plan("main", alternate="main"))
    assert scene.fed("slot-1-video")[1] == 0


def test_a_plan_that_changes_nothing_tells_the_engine_nothing() -> None:
    scene = Scene(plan("a", audio="a"))
    scene.publish("a", "camera")
    before = len(scene.engine.calls)
    scene.router.apply(plan("a", audio="a", version=9))
    assert len(scene.engine.calls) == before
    assert scene.router.describe().log_version == 9


def test_a_newer_generation_takes_over_and_the_older_is_closed() -> None:
    scene = Scene(plan("a"))
    first = scene.publish("a", "camera")
    second = scene.publish("a", "camera", 2)
    assert scene.fed("slot-1-video") == (second, 0)
    assert first not in scene.engine.streams
    with pytest.raises(StaleEpoch):
        scene.publish("a", "camera", 1)
    scene.router.close_producer("a-camera-1")
    assert scene.fed("slot-1-video") == (second, 0)


def test_a_newer_generation_may_keep_its_ssrc() -> None:
    scene = Scene(plan("a"))
    scene.publish("a", "camera", encodings=[{"ssrc": 5}])
    second = scene.publish("a", "camera", 2, encodings=[{"ssrc": 5}])
    assert scene.fed("slot-1-video") == (second, 0)
    with pytest.raises(BadRequest, match="SSRC 5"):
        scene.publish("a", "screen", encodings=[{"ssrc": 5}])


def test_closing_a_producer_empties_its_buses_first() -> None:
    scene = Scene(plan("a", audio="a", taps=(ref("a", "camera"),)))
    scene.publish("a", "camera")
    scene.router.add_tap(Tap(cast(PacketEngine, scene.engine), 1, "r1"))
    scene.router.close_producer("a-camera-1")
    assert scene.fed("slot-1-video") == (0, 0)
    assert scene.engine.streams == {}
    scene.router.close_producer("a-camera-1")


def test_who_may_publish_what() -> None:
    scene = Scene(plan())
    scene.router.open_transport("b-send", "send", "b", None)
    scene.router.open_transport("b-recv", "recv", "b", None)
    parameters = RtpParameters.model_validate(
        {
            "codecs": [{"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000}],
            "encodings": [{"ssrc": 1}],
        }
    )
    other = PublicationKey(venue_id="a", source="camera", generation=1)
    own = PublicationKey(venue_id="b", source="camera", generation=1)
    sound = PublicationKey(venue_id="b", source="microphone", generation=1)
    with pytest.raises(NotPermitted):
        scene.router.open_producer("b-send", "p", other, "video", parameters)
    with pytest.raises(NotPermitted):
        scene.router.open_producer("b-recv", "p", own, "video", parameters)
    with pytest.raises(NotPermitted):
        scene.router.open_producer("b-send", "p", sound, "video", parameters)
    with pytest.raises(NotFound):
        scene.router.open_producer("nobody", "p", own, "video", parameters)
    assert scene.engine.streams == {}
    scene.router.open_producer("b-send", "p", own, "video", parameters)
    with pytest.raises(BadRequest, match="exists"):
        scene.router.open_producer(
            "b-send", "p", own.model_copy(update={"generation": 2}), "video", parameters
        )


def test_consumers_get_stable_identities_and_numbers_of_their_own() -> None:
    scene = Scene(plan())
    targets = (
        SlotTarget(slot=1, kind="video"),
        SlotTarget(slot=1, kind="audio"),
        AudioBusTarget(bus=2),
    )
    made = scene.view("v1", *targets)
    assert [c.producer_id for c in made] == ["slot-1-video", "slot-1-audio", "audio-2"]
    assert [c.stream_id for c in made] == ["slot-1", "slot-1", "audio-2"]
    assert [c.rtp_parameters.mid for c in made] == ["0", "1", "2"]
    cnames = [c.rtp_parameters.rtcp.cname for c in made]
    assert cnames[0] == cnames[1] != cnames[2]
    again = scene.view("v1", *targets)
    assert again == made
    other = scene.view("v2", *targets)
    ssrcs = {c.rtp_parameters.encodings[0].ssrc for c in (*made, *other)}
    assert len(ssrcs) == 6


def test_viewers_of_a_venue_share_its_owner() -> None:
    scene = Scene(plan())
    scene.publish("a", "camera")
    scene.view("a-recv", venue="a")
    scene.view("b-recv", venue="b")
    scene.view("host")
    owners = list(scene.engine.transports.values())
    assert owners[0] == owners[1] != owners[2]
    assert owners[3] == 0


def test_consuming_is_refused_cleanly() -> None:
    scene = Scene(plan())
    scene.router.open_transport("a-send", "send", "a", None)
    with pytest.raises(NotPermitted):
        scene.router.open_consumers("a-send", CAPABILITIES, (AudioBusTarget(bus=1),))
    with pytest.raises(NotFound):
        scene.view("v", AudioBusTarget(bus=9))
    with pytest.raises(UnsupportedCodec):
        scene.router.open_consumers("v", RtpCapabilities(), (WallTarget(tile=1),))
    assert scene.engine.consumers == {}
    assert len(scene.engine.buses) == 6


def test_wall_tiles_are_private_pictures() -> None:
    scene = Scene(plan())
    camera = scene.publish("a", "camera")
    scene.publish("a", "microphone")
    scene.view("host", WallTarget(tile=1), WallTarget(tile=2))
    scene.router.set_wall("host", (WallTile(tile=1, source=ref("a", "camera")),))
    fed = [source for source, _ in scene.engine.buses.values() if source]
    assert fed == [camera]
    with pytest.raises(NotPermitted):
        scene.router.set_wall("host", (WallTile(tile=1, source=ref("a", "microphone")),))
    with pytest.raises(NotFound):
        scene.router.set_wall("host", (WallTile(tile=3, source=None),))
    newer = scene.publish("a", "camera", 2)
    assert [source for source, _ in scene.engine.buses.values() if source] == [newer]
    scene.router.set_wall("host", (WallTile(tile=1, source=None),))
    assert not any(source for source, _ in scene.engine.buses.values())
    scene.router.close_transport("host")
    assert len(scene.engine.buses) == 6
    assert scene.engine.consumers == {}


@pytest.mark.parametrize(
    "bad",
    [
        plan(slots=(SlotPlan(slot=1, video=ref("a", "microphone")),)),
        plan(slots=(SlotPlan(slot=1, audio=ref("a", "camera")),)),
        plan(slots=(SlotPlan(slot=1, alternate=ref("a", "screen_audio")),)),
        plan(audio_buses=(AudioBusPlan(bus=1, source=ref("a", "screen")),)),
        plan(slots=(SlotPlan(slot=1), SlotPlan(slot=1))),
        plan(audio_buses=(AudioBusPlan(bus=1), AudioBusPlan(bus=1))),
    ],
)
def test_a_plan_that_cannot_run_changes_nothing(bad: MediaPlan) -> None:
    scene = Scene(plan("a"))
    camera = scene.publish("a", "camera")
    with pytest.raises(BadRequest):
        scene.router.apply(bad)
    assert scene.fed("slot-1-video") == (camera, 0)


def test_codec_is_fixed_while_venues_publish() -> None:
    scene = Scene(plan("a"))
    scene.publish("a", "camera")
    with pytest.raises(BadRequest, match="codec"):
        scene.router.apply(plan("a", codec="h264"))
    scene.router.close_producer("a-camera-1")
    scene.router.apply(plan("a", codec="h264"))


def test_a_slot_that_leaves_the_plan_takes_its_consumers_along() -> None:
    scene = Scene(plan())
    scene.view("v", SlotTarget(slot=2, kind="video"))
    scene.router.apply(plan(slots=(SlotPlan(slot=1),)))
    assert scene.engine.consumers == {}
    assert scene.router.describe().transports[0].consumers == ()


def test_tap_follows_what_the_plan_names_and_nothing_else() -> None:
    scene = Scene(plan("a", taps=(ref("a", "camera"), ref("b", "microphone"))))
    tap = Tap(cast(PacketEngine, scene.engine), 1, "r1")
    camera = scene.publish("a", "camera")
    scene.publish("a", "microphone")
    scene.router.add_tap(tap)
    assert scene.engine.tapped[tap.handle] == {camera}
    microphone = scene.publish("b", "microphone")
    assert scene.engine.tapped[tap.handle] == {camera, microphone}
    switches = [call for call in scene.engine.calls if call[0] == "tap_bus"]
    assert [(slot, video) for _n, _t, _b, slot, video in switches] == [
        (1, False),
        (1, True),
        (2, False),
        (2, True),
        # Unpaired audio buses: who was heard is part of the record.
        (17, False),
        (18, False),
    ]
    scene.router.apply(plan("a", taps=(ref("a", "camera"),)))
    assert scene.engine.tapped[tap.handle] == {camera}
    kinds = [record for _tap, record, _tag, _payload in scene.engine.tap_records]
    assert kinds == [TapRecord.STREAM, TapRecord.STREAM, TapRecord.STREAM_END]
    announced = json.loads(scene.engine.tap_records[0][3])
    assert announced["publication"] == {"venue_id": "a", "source": "camera", "generation": 1}
    assert scene.engine.tap_records[0][2] == scene.engine.streams[camera]["tag"]
    scene.router.apply(plan("a"))
    assert scene.engine.tapped == {}


def test_a_recorder_that_returns_replaces_its_old_connection() -> None:
    scene = Scene(plan("a", taps=(ref("a", "camera"),)))
    camera = scene.publish("a", "camera")
    first, second = (Tap(cast(PacketEngine, scene.engine), fd, "r1") for fd in (1, 2))
    scene.router.add_tap(first)
    scene.router.add_tap(second)
    assert scene.engine.tapped == {second.handle: {camera}}
    assert scene.router.tap_ended(first.handle) is False
    scene.engine.tapped.clear()  # as the engine does before it reports TapClosed
    assert scene.router.tap_ended(second.handle) is True
    scene.router.close_producer("a-camera-1")


def test_close_leaves_nothing_in_the_engine() -> None:
    scene = Scene(plan("a", audio="a", taps=(ref("a", "camera"),)))
    scene.publish("a", "camera")
    scene.publish("a", "microphone")
    scene.view("v", SlotTarget(slot=1, kind="video"), WallTarget(tile=4), venue="b")
    scene.router.add_tap(Tap(cast(PacketEngine, scene.engine), 1, "r1"))
    scene.router.close()
    scene.router.close()
    engine = scene.engine
    assert not any((engine.transports, engine.streams, engine.buses, engine.consumers))
    assert not engine.tapped


def test_key_frames_for_viewers_and_recordings() -> None:
    scene = Scene(plan("a", alternate="main", taps=(ref("a", "camera"),)))
    a, main = scene.publish("a", "camera"), scene.publish("main", "camera")
    (seen,) = scene.view("v", SlotTarget(slot=1, kind="video"), venue="b")
    (own,) = scene.view("w", SlotTarget(slot=1, kind="video"), venue="a")
    scene.engine.key_frames.clear()
    scene.router.request_key_frame(seen.consumer_id)
    scene.router.request_key_frame(own.consumer_id)
    assert scene.engine.key_frames == [a, main]
    with pytest.raises(NotFound):
        scene.router.request_key_frame("nobody")
    scene.router.add_tap(Tap(cast(PacketEngine, scene.engine), 1, "r1"))
    scene.engine.key_frames.clear()
    scene.router.request_tapped_key_frames()
    assert scene.engine.key_frames == [a]


def test_describe_says_what_runs() -> None:
    scene = Scene(plan(version=5))
    scene.publish("a", "camera")
    scene.router.open_transport("r", "recv", "b", "page-1")
    (consumer,) = scene.view("r", AudioBusTarget(bus=1))
    described = scene.router.describe()
    assert described.log_version == 5
    send, receive = described.transports
    assert [p.producer_id for p in send.producers] == ["a-camera-1"]
    assert (receive.client, receive.venue_id, receive.state) == ("page-1", "b", "connecting")
    assert [c.consumer_id for c in receive.consumers] == [consumer.consumer_id]
    with pytest.raises(BadRequest, match="exists"):
        scene.router.open_transport("r", "recv", "b", None)

from sfu.control.messages import SlotTarget
from sfu.control.plan import PublicationKey
from sfu.engine.native import ConsumerCounters, StreamCounters
from sfu.routing.bus import Bus
from sfu.routing.consumer import Consumer
from sfu.routing.measurement import Sample, idle, incoming, outgoing
from sfu.routing.ortc import consumer_parameters, router_capabilities
from sfu.routing.producer import Producer

PARAMETERS, FORMAT = consumer_parameters(
    router_capabilities("vp8"), "video", "vp8", ssrc=9, mid="0", cname="c"
)
CAMERA = Producer(
    "p",
    "t",
    PublicationKey(venue_id="a", source="camera", generation=2),
    "video",
    FORMAT,
    stream=5,
    tag=1,
)
VIEW = Consumer(
    "c",
    "t",
    SlotTarget(slot=1, kind="video"),
    Bus("slot-1-video", "slot-1", "video", 3, slot=1),
    PARAMETERS,
    FORMAT,
    handle=4,
)
ZERO = StreamCounters(*([0] * 15))
SILENT = ConsumerCounters(0, 0, 0, 0.0, 0, 0, 0, 0, 0, 0, 0)


def test_rates_are_differences_over_the_interval() -> None:
    before = Sample(10**9, ZERO._replace(packets=100, bytes=50_000, expected=100, frames=10))
    now = Sample(
        3 * 10**9,
        ZERO._replace(
            packets=290,
            bytes=300_000,
            expected=300,
            lost=10,
            frames=70,
            jitter=900,
            width=1280,
            height=720,
        ),
    )
    stats = incoming(CAMERA, before, now)
    assert stats.bitrate == 1_000_000
    assert stats.loss == 0.05
    assert stats.frame_rate == 30
    assert stats.jitter_ms == 10
    assert (stats.width, stats.height, stats.packets, stats.packets_lost) == (1280, 720, 290, 10)


def test_the_first_report_has_no_rates() -> None:
    stats = incoming(CAMERA, None, Sample(10**9, ZERO._replace(bytes=500, lost=4, expected=9)))
    assert (stats.bitrate, stats.loss, stats.frame_rate, stats.width) == (0, 0, None, None)


def test_late_repairs_never_make_loss_negative() -> None:
    before = Sample(0, ZERO._replace(expected=100, lost=10))
    now = Sample(10**9, ZERO._replace(expected=110, lost=5))
    assert incoming(CAMERA, before, now).loss == 0


def test_outgoing_has_the_receivers_figures_and_the_sources_picture() -> None:
    source = incoming(CAMERA, Sample(0, ZERO), Sample(10**9, ZERO._replace(width=640, frames=25)))
    now = Sample(
        2 * 10**9,
        SILENT._replace(packets=10, bytes=1000, fraction_lost=0.25, jitter=90, round_trip_us=1500),
    )
    stats = outgoing(VIEW, Sample(10**9, SILENT), now, source)
    assert (stats.bitrate, stats.loss, stats.jitter_ms, stats.round_trip_ms) == (8000, 0.25, 1, 1.5)
    assert (stats.width, stats.frame_rate, stats.publication) == (640, 25, CAMERA.publication)
    assert outgoing(VIEW, None, Sample(0, SILENT), None).round_trip_ms is None


def test_idle_consumers_are_told_apart() -> None:
    assert idle(None, Sample(0, SILENT))
    assert not idle(None, Sample(0, SILENT._replace(current_stream=5)))
    sent = Sample(0, SILENT._replace(packets=5))
    assert not idle(Sample(0, SILENT), sent)
    assert idle(sent, sent)

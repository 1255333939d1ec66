"""What is shown where there is no picture: the session's title and the venue's name."""

from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUND = (24, 32, 44)
TITLE = (236, 240, 245)
NAME = (150, 170, 190)
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)
"""The first that is there is used; without any, Pillow's own, which has no Chinese."""
CJK_SC = 2
"""Index of the simplified Chinese face in the Noto collection."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=16)
def font(size: int) -> Font:
    """The best font of this machine at a size in pixels."""
    for path in FONTS:
        if Path(path).is_file():
            index = CJK_SC if path.endswith(".ttc") else 0
            return ImageFont.truetype(path, size, index=index)
    return ImageFont.load_default(size)


def slate(title: str, name: str, width: int, height: int) -> av.VideoFrame:
    """Draw a slate as a picture that can be encoded."""
    image = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(image)
    _centred(draw, title, width, height * 0.44, height // 14, TITLE)
    _centred(draw, name, width, height * 0.58, height // 20, NAME)
    return av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(format="yuv420p")


def _centred(
    draw: ImageDraw.ImageDraw,
    text: str,
    width: int,
    middle: float,
    size: int,
    colour: tuple[int, int, int],
) -> None:
    """Shrink the text until it fits; cut it when even that does not help."""
    while size > 10 and draw.textlength(text, font=font(size)) > width * 0.9:
        size -= 2
    while text and draw.textlength(text, font=font(size)) > width * 0.9:
        text = text[:-2] + "…" if len(text) > 2 else ""
    draw.text((width / 2, middle), text, font=font(size), fill=colour, anchor="mm")

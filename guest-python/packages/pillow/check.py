"""Formats, filters, text, and files that are damaged."""

import io

from PIL import (
    Image,
    ImageChops,
    ImageDraw,
    ImageFilter,
    ImageFont,
    ImageMorph,
    UnidentifiedImageError,
    features,
)

assert features.check("zlib") and features.check("jpg") and features.check("freetype2")
image = Image.new("RGB", (64, 48), (200, 30, 30))
draw = ImageDraw.Draw(image)
draw.ellipse((10, 10, 40, 40), fill=(20, 40, 220))
draw.text((2, 2), "Ophidia", font=ImageFont.load_default(12), fill="white")
for kind in ("PNG", "BMP", "GIF", "TIFF", "PPM", "TGA", "ICO"):
    data = io.BytesIO()
    image.convert("P" if kind == "GIF" else "RGB").save(data, kind)
    again = Image.open(io.BytesIO(data.getvalue()))
    again.load()
    if kind in ("PNG", "BMP", "TIFF", "PPM", "TGA"):
        assert ImageChops.difference(again.convert("RGB"), image).getbbox() is None, kind
data = io.BytesIO()
image.save(data, "JPEG", quality=90)
jpeg = data.getvalue()
assert abs(Image.open(io.BytesIO(jpeg)).getpixel((60, 44))[0] - 200) < 8
assert image.filter(ImageFilter.GaussianBlur(2)).resize((20, 20), Image.Resampling.LANCZOS).size == (20, 20)
assert image.quantize(8).getcolors() and image.rotate(30, expand=True).size > image.size
assert len(image.histogram()) == 768 and ImageMorph.LutBuilder(op_name="corner").build_lut()
for damaged in (jpeg[: len(jpeg) // 2], b"\x89PNG\r\n\x1a\n" + bytes(40), b"no image"):
    try:
        Image.open(io.BytesIO(damaged)).load()
    except (OSError, SyntaxError, UnidentifiedImageError):
        continue
    raise AssertionError("a damaged file was read")

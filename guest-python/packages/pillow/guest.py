"""What the guest does for Pillow before the snapshot."""

import io

from _ophidia import figures
from PIL import Image, ImageShow


class _Host(ImageShow.Viewer):
    """Shows images by the host: the guest has no programs to call."""

    def show_image(self, image: Image.Image, **options: object) -> int:
        data = io.BytesIO()
        image.save(data, format="PNG")
        figures.show(data.getvalue(), "png", str(options.get("title") or ""))
        return 1


def warm() -> None:
    """Know all formats, and show by the host."""
    Image.init()
    ImageShow._viewers[:] = [_Host()]
    image = Image.new("RGB", (8, 8), "red").resize((4, 4))
    for kind in ("PNG", "JPEG"):
        data = io.BytesIO()
        image.save(data, kind)
        Image.open(io.BytesIO(data.getvalue())).load()

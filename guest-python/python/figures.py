"""What programs show: figures and images go to the host, if it wants them."""

import warnings


def show(data: bytes, format: str, title: str = "") -> None:
    """Hand an image over: the content of a file in this format, such as png, svg or pdf."""
    try:
        from _ophidia_figures import show as take
    except ModuleNotFoundError:
        message = "nothing shows figures here: save them, or run with --show DIR"
        warnings.warn(message, stacklevel=3)
    else:
        take(data, format, title)

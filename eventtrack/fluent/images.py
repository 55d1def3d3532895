"""Images: arrays and Pillow images as the bytes of a file."""

import io
import re
import time
import uuid
import warnings
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from eventtrack.errors import InvalidValueError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image as PillowModule

# The longer side, in pixels, of the small copy that pages show first (MLflow's size).
THUMBNAIL_PIXELS = 256

_KEY = re.compile(r"[a-zA-Z0-9_\-./ ]+")
_ARRAY_KINDS = {"b": "bool", "i": "signed integer", "u": "unsigned integer", "f": "floating"}


class Image:
    """An image to log or to put into a table, made from an array, a Pillow image or a file.

    Raises:
        InvalidValueError: The argument cannot be read as an image.
    """

    def __init__(self, image: Any) -> None:
        self.image: PillowModule.Image
        if isinstance(image, str):
            try:
                self.image = _pillow().open(image)
            except OSError as error:
                raise InvalidValueError(f"cannot read the image {image}: {error}") from error
        elif isinstance(image, list):
            import numpy as np

            self.image = _image_of_array(np.array(image))
        else:
            self.image = pillow_image(image)
        self.size = self.image.size

    def to_pil(self) -> "PillowModule.Image":
        """The image as a Pillow image."""
        return self.image

    def to_array(self) -> "np.ndarray[Any, Any]":
        """The image as an array: rows, columns and, unless it is grey, channels."""
        import numpy as np

        return np.array(self.image)

    def to_list(self) -> list[Any]:
        """The pixels, row by row."""
        pixels = self.to_array()
        rows = pixels.reshape(-1, *pixels.shape[2:]).tolist()
        return [tuple(pixel) if isinstance(pixel, list) else pixel for pixel in rows]

    def save(self, path: str) -> None:
        """Write the image to a file; the name decides the format."""
        self.image.save(path)

    def resize(self, size: tuple[int, int]) -> "Image":
        """A copy of the given width and height."""
        return Image(self.image.resize(size))


def pillow_image(image: Any) -> "PillowModule.Image":
    """The Pillow image of an array, of an `Image` or of a Pillow image."""
    if isinstance(image, Image):
        return image.image
    pillow = _pillow()
    if isinstance(image, pillow.Image):
        of_pillow: PillowModule.Image = image
        return of_pillow
    if hasattr(image, "ndim") and hasattr(image, "dtype"):
        return _image_of_array(image)
    raise InvalidValueError(
        f"Unsupported image object type: {type(image)}. `image` must be one of numpy.ndarray, "
        "PIL.Image.Image, and mlflow.Image."
    )


def encode(image: "PillowModule.Image", artifact_file: str) -> bytes:
    """The image in the format that the file's name asks for."""
    suffix = PurePosixPath(artifact_file).suffix.lower()
    file_format = _pillow().registered_extensions().get(suffix)
    if file_format is None:
        raise InvalidValueError(
            f"unknown file extension: {suffix or artifact_file}",
            hint="give the file a name that ends in .png, .jpg or another of Pillow's formats",
        )
    buffer = io.BytesIO()
    try:
        image.save(buffer, format=file_format)
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"cannot write the image {artifact_file}: {error}") from error
    return buffer.getvalue()


def thumbnail(image: "PillowModule.Image") -> "PillowModule.Image":
    """A copy whose longer side has `THUMBNAIL_PIXELS`."""
    scale = THUMBNAIL_PIXELS / max(image.size)
    width, height = (max(1, int(side * scale)) for side in image.size)
    return image.resize((width, height))


def series_file(key: str | None, step: int | None, timestamp: int | None) -> str:
    """The path of an image of a series, without its suffix: MLflow's pages parse this name.

    Raises:
        InvalidValueError: There is no key, or the key has characters that a file's name may not.
    """
    if key is None:
        raise InvalidValueError(
            "Invalid arguments: Please specify exactly one of `artifact_file` or `key`. Use `key` "
            "to log dynamic image charts or `artifact_file` for saving static images. "
        )
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidValueError(
            "The `key` parameter may only contain alphanumerics, underscores (_), dashes (-), "
            f"periods (.), spaces ( ), and slashes (/).The provided key `{key}` contains invalid "
            "characters."
        )
    moment = timestamp or time.time_ns() // 1_000_000
    name = key.replace("/", "~")
    return f"images/{name}+step+{step or 0}+timestamp+{moment}+{uuid.uuid4()}"


def _pillow() -> Any:
    try:
        import PIL.Image
    except ImportError as error:
        raise UsageError(
            "Pillow is required to serialize a numpy array as an image.",
            hint="run `pip install Pillow`",
        ) from error
    return PIL.Image


def _image_of_array(array: "np.ndarray[Any, Any]") -> "PillowModule.Image":
    if array.dtype.kind not in _ARRAY_KINDS:
        raise InvalidValueError(
            f"Invalid array data type: '{array.dtype}'. "
            f"Must be one of {list(_ARRAY_KINDS.values())}"
        )
    if array.ndim not in {2, 3}:
        raise InvalidValueError(
            f"`image` must be a 2D or 3D array but got image shape: {array.shape}"
        )
    if array.ndim == 3 and array.shape[2] not in {1, 3, 4}:
        raise InvalidValueError(
            f"Invalid channel length: {array.shape[2]}. Must be one of [1, 3, 4]"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    image: PillowModule.Image = _pillow().fromarray(_bytes_of_array(array))
    return image


def _bytes_of_array(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Pixels as 0 to 255: integers stay as they are, numbers from 0 to 1 are scaled."""
    low, high = array.min(), array.max()
    if array.dtype.kind in "iu":
        if low < 0 or high > 255:
            raise InvalidValueError(
                f"Integer pixel values out of acceptable range [0, 255]. Found minimum value {low} "
                f"and maximum value {high}. Ensure all pixel values are within the specified range."
            )
        return array.astype("uint8")
    if low < 0 or high > 1:
        warnings.warn(
            f"Float pixel values out of acceptable range [0.0, 1.0]. Found minimum value {low} and "
            f"maximum value {high}. Rescaling values to [0.0, 1.0] with min/max scaler.",
            stacklevel=2,
        )
        array = (array - low) / (high - low)
    return (array * 255).astype("uint8")

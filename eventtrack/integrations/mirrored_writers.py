"""Wraps the writers of TensorBoard, PyTorch's and tensorboardX, for `eventtrack run --mirror`.

Text, numbers, histograms, images, figures and sounds become series. A video becomes a GIF, a mesh a
file of the format OBJ, and an embedding the two tables that TensorBoard's projector reads.
"""

import functools
import importlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from eventtrack.integrations.mirror import wrap, writer
from eventtrack.integrations.values import name_of

_OF_IMAGE = {"CHW": (1, 2, 0), "HWC": (0, 1, 2)}
_OF_IMAGES = {"NCHW": (0, 2, 3, 1), "NHWC": (0, 1, 2, 3)}


def mirror_tensorboard(module: ModuleType) -> None:
    """Wrap the calls of a module's `SummaryWriter` that record."""
    for name, seen in _CALLS.items():
        if hasattr(module.SummaryWriter, name):
            wrap(module.SummaryWriter, name, functools.partial(_without_self, seen))


def _without_self(seen: Callable[..., None], _: Any, *args: Any, **kwargs: Any) -> None:
    # These say where the program's own file has it, and how it is laid out there.
    for name in ("walltime", "new_style", "double_precision", "display_name"):
        kwargs.pop(name, None)
    seen(*args, **kwargs)


def _scalar(tag: str, scalar_value: Any, global_step: Any = None, *_: Any, **__: Any) -> None:
    writer().metrics({tag: scalar_value}, global_step)


def _scalars(
    main_tag: str, tag_scalar_dict: Mapping[str, Any], global_step: Any = None, *_: Any
) -> None:
    writer().metrics(tag_scalar_dict, global_step, f"{main_tag}/")


def _text(tag: str, text_string: str, global_step: Any = None, *_: Any) -> None:
    writer().line(text_string, name_of(tag), global_step)


def _histogram(tag: str, values: Any, global_step: Any = None, *_: Any, **__: Any) -> None:
    writer().histogram(values, name_of(tag), global_step)


def _counted(
    tag: str,
    min: Any,  # noqa: A002 - TensorBoard's name
    max: Any,  # noqa: A002 - TensorBoard's name
    num: Any,
    sum: Any,  # noqa: A002 - TensorBoard's name
    sum_squares: Any,
    bucket_limits: Sequence[float],
    bucket_counts: Sequence[float],
    global_step: Any = None,
    *_: Any,
) -> None:
    edges = [float(min), *map(float, bucket_limits)]
    if edges[0] >= edges[1]:
        edges[0] = edges[1] - 1
    writer().counts(edges, list(bucket_counts), name_of(tag), global_step)


def _image(
    tag: str,
    img_tensor: Any,
    global_step: Any = None,
    walltime: Any = None,
    dataformats: str = "CHW",
    **_: Any,
) -> None:
    if len(dataformats) == 4:  # several figures: the writer has drawn them, as it does a single one
        _images(tag, img_tensor, global_step, dataformats=dataformats)
    else:
        writer().image(_laid_out(img_tensor, dataformats, _OF_IMAGE), name_of(tag), global_step)


def _boxed_image(
    tag: str, img_tensor: Any, box_tensor: Any, global_step: Any = None, *_: Any, **named: Any
) -> None:
    """Log the image; its boxes are only in the program's own file."""
    _image(tag, img_tensor, global_step, dataformats=named.get("dataformats", "CHW"))


def _images(
    tag: str,
    img_tensor: Any,
    global_step: Any = None,
    walltime: Any = None,
    dataformats: str = "NCHW",
) -> None:
    if isinstance(img_tensor, list):
        pictures = [_laid_out(image, dataformats[-3:], _OF_IMAGE) for image in img_tensor]
    else:
        pictures = list(_laid_out(img_tensor, dataformats, _OF_IMAGES))
    for number, picture in enumerate(pictures):
        writer().image(picture, f"{name_of(tag)}/{number}", global_step)


def _audio(
    tag: str, snd_tensor: Any, global_step: Any = None, sample_rate: int = 44100, *_: Any
) -> None:
    # TensorBoard has (1, samples) or (samples, channels).
    samples = _array(snd_tensor)
    if samples.ndim == 2 and samples.shape[0] == 1:
        samples = samples[0]
    writer().sound(samples, sample_rate, name_of(tag), global_step)


def _video(tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, *_: Any) -> None:
    frames_of = _array(vid_tensor).transpose(0, 1, 3, 4, 2)
    for key, frames in _numbered(name_of(tag), list(frames_of)):
        writer().medium(_gif(frames, fps), key, global_step, "image/gif")


def _mesh(
    tag: str,
    vertices: Any,
    colors: Any = None,
    faces: Any = None,
    config_dict: Any = None,
    global_step: Any = None,
    *_: Any,
) -> None:
    parts = [None if part is None else _array(part) for part in (vertices, colors, faces)]
    points = parts[0]
    assert points is not None
    meshes = [
        "".join(_obj(*(None if part is None else part[number] for part in parts)))
        for number in range(len(points))
    ]
    for key, mesh in _numbered(name_of(tag), meshes):
        writer().medium(mesh.encode(), key, global_step, "model/obj")


def _embedding(
    mat: Any,
    metadata: Sequence[Any] | None = None,
    label_img: Any = None,
    global_step: Any = None,
    tag: str = "default",
    metadata_header: Sequence[str] | None = None,
) -> None:
    """Keep the points and their labels as tables; the pictures are in the program's own file."""
    folder = f"embeddings/{name_of(tag)}-{global_step or 0}"
    writer().text(_table(_array(mat).tolist()), f"{folder}/tensors.tsv")
    if metadata is not None:
        rows = [row if isinstance(row, list | tuple) else [row] for row in metadata]
        header = [metadata_header] if metadata_header else []
        writer().text(_table([*header, *rows]), f"{folder}/metadata.tsv")


def _hparams(hparam_dict: Any, metric_dict: Any, *_: Any, **__: Any) -> None:
    writer().params(hparam_dict)
    writer().metrics(metric_dict, None)


_CALLS: dict[str, Callable[..., None]] = {
    "add_scalar": _scalar,
    "add_scalars": _scalars,
    "add_text": _text,
    "add_histogram": _histogram,
    "add_histogram_raw": _counted,
    "add_image": _image,
    "add_image_with_boxes": _boxed_image,
    "add_images": _images,
    "add_audio": _audio,
    "add_video": _video,
    "add_mesh": _mesh,
    "add_embedding": _embedding,
    "add_hparams": _hparams,
}


def _numbered(key: str, values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Several values as series `KEY/0`, `KEY/1`, ...; a single value as `KEY`."""
    for number, value in enumerate(values):
        yield (key if len(values) == 1 else f"{key}/{number}"), value


def _array(values: Any) -> Any:
    """A tensor of torch as an array of numpy; arrays as they are."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _laid_out(image: Any, dataformats: str, orders: Mapping[str, tuple[int, ...]]) -> Any:
    """Images of TensorBoard's as an array whose channels come last."""
    pixels = _array(image)
    order = orders.get(dataformats.upper())
    return pixels if order is None else pixels.transpose(*order)


def _gif(frames: Any, fps: float) -> bytes:
    """Frames with the channels last, of bytes or of numbers from 0 to 1, as an animated image."""
    if frames.dtype.kind == "f":
        frames = (frames * 255).clip(0, 255).astype("uint8")
    if frames.shape[-1] == 1:
        frames = frames.repeat(3, axis=-1)
    pillow = importlib.import_module("PIL.Image")
    first, *rest = [pillow.fromarray(frame) for frame in frames]
    data = io.BytesIO()
    first.save(data, "GIF", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)
    return data.getvalue()


def _obj(vertices: Any, colors: Any, faces: Any) -> Iterator[str]:
    """The lines of a mesh in the format OBJ, with colours behind the places of the corners."""
    for number, place in enumerate(vertices.tolist()):
        shade = [] if colors is None else [value / 255 for value in colors[number].tolist()]
        yield f"v {' '.join(f'{value:g}' for value in [*place, *shade])}\n"
    for face in [] if faces is None else faces.tolist():
        yield f"f {' '.join(str(corner + 1) for corner in face)}\n"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    cells = ([str(cell).replace("\t", " ").replace("\n", " ") for cell in row] for row in rows)
    return "".join("\t".join(row) + "\n" for row in cells)

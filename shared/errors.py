"""Every error Likeness raises on purpose.

LikenessError
├── InvalidInput            the caller must change the request
│   ├── InvalidImage
│   │   ├── EmptyImage
│   │   ├── UnsupportedImage
│   │   ├── CorruptImage
│   │   ├── ImageTooLarge
│   │   └── ImageTooSmall
│   ├── InvalidField
│   └── UnknownPolicy
├── NotFound
│   ├── GalleryNotFound
│   ├── PersonNotFound
│   ├── FaceNotFound
│   ├── NoFaceEnrolled      the person is there, but has no template to compare with
│   ├── JobNotFound
│   ├── StyleNotFound
│   └── ObjectNotFound      nothing is stored under that key
├── Conflict
│   ├── GalleryExists
│   ├── PersonChanged       the person was erased while a job about them was under way
│   ├── ModelMismatch       templates of one model cannot be searched with another
│   └── JobFinished
├── Unavailable             nothing is wrong with the request: try again later
│   ├── QueueFull
│   ├── QueueUnavailable
│   └── StorageUnavailable
├── WeightsError            a model's file cannot be found, fetched or trusted
│   ├── WeightsNotFound
│   └── WeightsCorrupt
├── DeviceError             the compute device that was asked for is not there
├── NumericalError          an optimisation left the numbers a computer can hold
├── ConfigurationError
└── JobCancelled            control flow of a running job, never shown as a failure

The `code` of each class is stable and machine-readable. What HTTP makes of it is the gateway's business
(gateway/errors.py). Expected outcomes ("no face", "not recognised") are verdicts, not errors.
"""

from typing import ClassVar


class LikenessError(Exception):
    """Base of the tree. The message says in one line what was wrong and what to do."""

    code: ClassVar[str] = "internal_error"


class InvalidInput(LikenessError):
    code = "invalid_input"


class InvalidImage(InvalidInput):
    code = "invalid_image"


class EmptyImage(InvalidImage):
    code = "empty_image"


class UnsupportedImage(InvalidImage):
    code = "unsupported_image"


class CorruptImage(InvalidImage):
    code = "corrupt_image"


class ImageTooLarge(InvalidImage):
    code = "image_too_large"


class ImageTooSmall(InvalidImage):
    code = "image_too_small"


class InvalidField(InvalidInput):
    code = "invalid_field"


class UnknownPolicy(InvalidInput):
    code = "unknown_policy"


class NotFound(LikenessError):
    code = "not_found"


class GalleryNotFound(NotFound):
    code = "gallery_not_found"


class PersonNotFound(NotFound):
    code = "person_not_found"


class FaceNotFound(NotFound):
    code = "face_not_found"


class NoFaceEnrolled(NotFound):
    code = "no_face_enrolled"


class JobNotFound(NotFound):
    code = "job_not_found"


class StyleNotFound(NotFound):
    code = "style_not_found"


class ObjectNotFound(NotFound):
    code = "object_not_found"


class Conflict(LikenessError):
    code = "conflict"


class GalleryExists(Conflict):
    code = "gallery_exists"


class PersonChanged(Conflict):
    code = "person_changed"


class ModelMismatch(Conflict):
    code = "model_mismatch"


class JobFinished(Conflict):
    code = "job_finished"


class Unavailable(LikenessError):
    code = "unavailable"


class QueueFull(Unavailable):
    code = "queue_full"


class QueueUnavailable(Unavailable):
    code = "queue_unavailable"


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"


class WeightsError(LikenessError):
    code = "weights_error"


class WeightsNotFound(WeightsError):
    code = "weights_not_found"


class WeightsCorrupt(WeightsError):
    code = "weights_corrupt"


class DeviceError(LikenessError):
    code = "device_unavailable"


class NumericalError(LikenessError):
    code = "numerical_error"


class ConfigurationError(LikenessError):
    code = "configuration_error"


class JobCancelled(LikenessError):
    code = "job_cancelled"

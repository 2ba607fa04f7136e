"""Every error Likeness raises on purpose.

LikenessError
├── InvalidInput            the caller must change the request
│   ├── InvalidImage
│   │   ├── EmptyImage
│   │   ├── UnsupportedImage
│   │   ├── CorruptImage
│   │   ├── ImageTooLarge
│   │   ├── ImageTooSmall
│   │   └── NeedsTooMuchMemory  to be painted at that size
│   ├── InvalidArchive      a file that should be a ZIP of people's photos is none, or is too large inside
│   ├── UnclearPerson       whose photo a file of an archive is cannot be told by its folders
│   ├── InvalidExport       a file that should be a gallery's export is damaged, incomplete or of another kind
│   ├── InvalidErasureLog   a file that should be an erasure log is not one of this tenant's
│   ├── InvalidField
│   ├── InvalidDataset      a folder of people that a model cannot be trained or measured on
│   ├── InvalidCheckpoint   a training or an optimisation cannot go on from that state
│   ├── InsufficientData    too few people or photos to measure anything on
│   ├── TargetNotSupported  a calibration's data cannot show that its target is kept
│   ├── ForbiddenTarget     a webhook must not be sent to that address
│   ├── UnknownModel        no face model of that name or digest is there
│   └── UnknownPolicy
├── NotFound
│   ├── GalleryNotFound
│   ├── PersonNotFound
│   ├── FaceNotFound
│   ├── CalibrationNotFound
│   ├── FeedbackNotFound
│   ├── MigrationNotFound
│   ├── ModelNotFound
│   ├── NoFaceEnrolled      the person is there, but has no template to compare with
│   ├── JobNotFound
│   ├── BatchNotFound
│   ├── LivenessSessionNotFound
│   ├── StyleNotFound
│   ├── WebhookNotFound
│   ├── DeliveryNotFound
│   └── ObjectNotFound      nothing is stored under that key
├── Conflict
│   ├── LivenessSessionUsed a session takes frames once
│   ├── GalleryExists
│   ├── FeedbackContradicts something else was reported about the same face
│   ├── ExternalIdShared    several people have it, where one is meant
│   ├── PersonChanged       the person was erased while a job about them was under way
│   ├── MigrationUnderWay   a gallery migrates to one model at a time
│   ├── MigrationIncomplete people would be lost, who have no template of the new model
│   ├── ModelExists         the same weights are registered under another name
│   ├── ModelInUse          a gallery's templates were made with it
│   ├── ModelMismatch       templates of one model cannot be searched with another
│   ├── StyleShared         it comes with Likeness: nobody can replace or delete it
│   ├── TooManyWebhooks     the tenant has as many as he may have
│   ├── WebhookDisabled     it takes nothing until it is enabled again
│   ├── TooManyStyles       the tenant has as many as he may have
│   ├── BatchFinished
│   └── JobFinished
├── Unavailable             nothing is wrong with the request: try again later
│   ├── GalleryChanged      in the middle of a job that must see it as it is
│   ├── ErasureUnderWay     the former person of that id is not gone yet
│   ├── WorkerBusy          with another long job; it or another worker takes this one later
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


class NeedsTooMuchMemory(InvalidImage):
    code = "needs_too_much_memory"


class InvalidArchive(InvalidInput):
    code = "invalid_archive"


class UnclearPerson(InvalidInput):
    code = "unclear_person"


class InvalidExport(InvalidInput):
    code = "invalid_export"


class InvalidErasureLog(InvalidInput):
    code = "invalid_erasure_log"


class InvalidField(InvalidInput):
    code = "invalid_field"


class InsufficientData(InvalidInput):
    code = "insufficient_data"


class TargetNotSupported(InvalidInput):
    code = "target_not_supported"


class InvalidDataset(InvalidInput):
    code = "invalid_dataset"


class InvalidCheckpoint(InvalidInput):
    code = "invalid_checkpoint"


class ForbiddenTarget(InvalidInput):
    code = "forbidden_target"


class UnknownModel(InvalidInput):
    code = "unknown_model"


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


class CalibrationNotFound(NotFound):
    code = "calibration_not_found"


class FeedbackNotFound(NotFound):
    code = "feedback_not_found"


class MigrationNotFound(NotFound):
    code = "migration_not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class NoFaceEnrolled(NotFound):
    code = "no_face_enrolled"


class JobNotFound(NotFound):
    code = "job_not_found"


class BatchNotFound(NotFound):
    code = "batch_not_found"


class LivenessSessionNotFound(NotFound):
    code = "liveness_session_not_found"


class StyleNotFound(NotFound):
    code = "style_not_found"


class WebhookNotFound(NotFound):
    code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    code = "delivery_not_found"


class ObjectNotFound(NotFound):
    code = "object_not_found"


class Conflict(LikenessError):
    code = "conflict"


class GalleryExists(Conflict):
    code = "gallery_exists"


class FeedbackContradicts(Conflict):
    code = "feedback_contradicts"


class ExternalIdShared(Conflict):
    code = "external_id_shared"


class PersonChanged(Conflict):
    code = "person_changed"


class MigrationUnderWay(Conflict):
    code = "migration_under_way"


class MigrationIncomplete(Conflict):
    code = "migration_incomplete"


class LivenessSessionUsed(Conflict):
    code = "liveness_session_used"


class ModelExists(Conflict):
    code = "model_exists"


class ModelInUse(Conflict):
    code = "model_in_use"


class ModelMismatch(Conflict):
    code = "model_mismatch"


class StyleShared(Conflict):
    code = "style_shared"


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"


class WebhookDisabled(Conflict):
    code = "webhook_disabled"


class TooManyStyles(Conflict):
    code = "too_many_styles"


class BatchFinished(Conflict):
    code = "batch_finished"


class JobFinished(Conflict):
    code = "job_finished"


class Unavailable(LikenessError):
    code = "unavailable"


class GalleryChanged(Unavailable):
    code = "gallery_changed"


class ErasureUnderWay(Unavailable):
    code = "erasure_under_way"


class WorkerBusy(Unavailable):
    code = "worker_busy"


class QueueFull(Unavailable):
    """`retry_after`: seconds after which there may be room."""

    code = "queue_full"

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


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

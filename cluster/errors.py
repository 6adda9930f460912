"""Every failure CineAI can name.

CineError                     internal
├── NotFound                  not_found
├── Conflict                  conflict
│   └── IdempotencyInFlight   idempotency_in_flight
├── Invalid                   invalid
│   ├── BadImage              bad_image
│   ├── OddOneOut             odd_one_out
│   ├── BadAdapter            bad_adapter
│   ├── TooLarge              too_large
│   ├── WrongMedia            wrong_media
│   └── IdempotencyMismatch   idempotency_mismatch
├── Unauthorized              unauthorized
├── Refused                   refused
│   ├── ConsentMissing        consent_missing
│   └── LicenceNotAccepted    licence_not_accepted
├── Unsupported               unsupported
├── Cancelled                 cancelled
├── Unavailable               unavailable
└── ProviderError             provider_error
    ├── ProviderBusy          provider_busy
    └── ProviderMissing       provider_missing

The class docstring is the meaning, `code` the stable name clients match on, `advice` what to do
about it. HTTP statuses live in serve/api/problems.py alone.
"""

from typing import Any


class CineError(Exception):
    """CineAI failed in a way it did not foresee."""

    code = "internal"
    advice = "Report this with the job id and the server log."

    def __init__(self, message: str = "", *, advice: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        if advice is not None:
            self.advice = advice
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only errors lose their type between Ray processes otherwise.
        return _rebuild, (type(self), self.args, self.__dict__)


class NotFound(CineError):
    """The named thing does not exist."""

    code = "not_found"
    advice = "Check the id; list what exists with the matching GET endpoint."

    def __init__(self, kind: str, *, id: str) -> None:
        self.kind, self.id = kind, id
        super().__init__(f"{kind} {id!r} does not exist")


class Conflict(CineError):
    """The request contradicts the present state of the thing."""

    code = "conflict"
    advice = "Read the thing again and decide on its present state."


class IdempotencyInFlight(Conflict):
    """The first request with this Idempotency-Key is still being answered."""

    code = "idempotency_in_flight"
    advice = "Send the same request again in a second."


class Invalid(CineError):
    """The request cannot be carried out as it stands."""

    code = "invalid"
    advice = "Correct the named field and send it again."


class BadImage(Invalid):
    """A file is not an image that can be used as a reference."""

    code = "bad_image"
    advice = "Send PNG, JPEG or WebP with one clear face."

    def __init__(self, message: str = "", *, index: int | None = None) -> None:
        self.index = index
        super().__init__(message)


class OddOneOut(Invalid):
    """The reference images do not all show one person."""

    code = "odd_one_out"
    advice = "Leave out the named image or replace it."

    def __init__(self, message: str = "", *, index: int | None = None) -> None:
        self.index = index
        super().__init__(message)


class BadAdapter(Invalid):
    """An adapter file cannot be served."""

    code = "bad_adapter"
    advice = "Export a PEFT LoRA trained on the base model that is being served."


class TooLarge(Invalid):
    """The request is larger than this installation takes."""

    code = "too_large"
    advice = "Send less at once, or raise the limit that the message names."


class WrongMedia(Invalid):
    """The request's body is of another media type than this endpoint reads."""

    code = "wrong_media"
    advice = "Set the Content-Type that the message names, and send the body in it."


class IdempotencyMismatch(Invalid):
    """This Idempotency-Key was used with another request body."""

    code = "idempotency_mismatch"
    advice = "Use a new key for a new request."


class Unauthorized(CineError):
    """The request carries no valid API key."""

    code = "unauthorized"
    advice = "Send 'Authorization: Bearer <key>'; make one with `cineai keys create`."


class Refused(CineError):
    """A rule of the studio forbids this."""

    code = "refused"
    advice = "Change the request or the rule that it names."


class ConsentMissing(Refused):
    """The person's consent is absent, expired or revoked."""

    code = "consent_missing"
    advice = "Record a valid consent for the character first."


class LicenceNotAccepted(Refused):
    """A model's licence was not accepted."""

    code = "licence_not_accepted"
    advice = "Read the licence and accept it in the settings that the message names."


class Unsupported(CineError):
    """This installation cannot do that yet."""

    code = "unsupported"
    advice = "See `cineai doctor` for what this installation can do."


class Cancelled(CineError):
    """The job was cancelled."""

    code = "cancelled"
    advice = "Submit the scene again if it is still wanted."


class Unavailable(CineError):
    """A part of the cluster does not answer at the moment."""

    code = "unavailable"
    advice = "Try again in a few seconds; /readyz says which part is missing."


class ProviderError(CineError):
    """A provider answered with something that cannot be used."""

    code = "provider_error"
    advice = "Try again; if it stays, see the provider's own message."


class ProviderBusy(ProviderError):
    """A provider asks us to come back later."""

    code = "provider_busy"

    def __init__(self, *, provider: str, retry_after_s: float) -> None:
        self.provider, self.retry_after_s = provider, retry_after_s
        super().__init__(f"{provider} asks to retry in {retry_after_s:g} s")


class ProviderMissing(ProviderError):
    """A provider is not installed or not configured."""

    code = "provider_missing"
    advice = "Run `cineai doctor`: it names the missing piece and how to get it."


def _rebuild(cls: type[CineError], args: tuple[object, ...], state: dict[str, object]) -> CineError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error

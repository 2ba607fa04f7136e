"""How far a measured rate may be from the true one: intervals for k errors in n independent trials.

Wilson: "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.
Clopper, Pearson: "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26 (1934), 404-413. ISO/IEC 19795-1, annex B: the rules of 3 and of 30; the latter from Doddington
et al.: "The NIST speaker recognition evaluation", Speech Communication 31 (2000), 225-254.
"""

from math import ceil, sqrt
from statistics import NormalDist

from scipy.special import betaincinv

from shared.ml.face.evaluation.report import Rate

CONFIDENCE = 0.95
# With n trials and no error, a rate of 3 / n is the least that 95 % confidence excludes: what is less cannot
# be measured with them.
_RULE_OF_3 = 3
# With 30 errors, the true rate is within ±30 % of the measured one with 90 % confidence: below, it is rough.
_RULE_OF_30 = 30


def wilson(errors: int, n: int, *, confidence: float = CONFIDENCE) -> Rate:
    """The score interval: two-sided, covers what it promises on average, has a width for 0 of n too."""
    _check(errors, n)
    low, high = _wilson(errors / n, n, confidence)
    return Rate(errors=errors, trials=n, low=low, high=high)


def pooled(errors: float, trials: float, independent: float, *, confidence: float = CONFIDENCE) -> Rate:
    """The rate of trials that repeat each other: its interval (Wilson's) is that of so many independent ones."""
    low, high = _wilson(errors / trials, independent, confidence)
    return Rate(errors=round(errors), trials=round(trials), low=low, high=high)


def clopper_pearson(errors: int, n: int, *, confidence: float = CONFIDENCE) -> Rate:
    """The exact interval: two-sided, covers what it promises always, so it is wider."""
    _check(errors, n)
    tail = (1 - confidence) / 2
    low = 0.0 if errors == 0 else float(betaincinv(errors, n - errors + 1, tail))
    high = 1.0 if errors == n else float(betaincinv(errors + 1, n - errors, 1 - tail))
    return Rate(errors=errors, trials=n, low=low, high=high)


def support(rate: float, trials: int, what: str) -> tuple[bool, str | None]:
    """Whether `trials` (of `what`, in the plural) can measure this rate, and what to say about it."""
    if trials < _needed(rate, _RULE_OF_3):
        least = _needed(rate, _RULE_OF_3)
        return False, f"cannot be measured with {trials:,} {what}: at least {least:,} are needed"
    if trials < _needed(rate, _RULE_OF_30):
        return True, f"rough: {trials:,} {what}, of which fewer than {_RULE_OF_30} are above the threshold"
    return True, None


def _wilson(p: float, n: float, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (0.0 if p == 0 else max(0.0, centre - half)), (1.0 if p == 1 else min(1.0, centre + half))


def _needed(rate: float, errors: int) -> int:
    return ceil(errors / rate * (1 - 1e-12))  # 30 / 1e-5 is a little more than 3 million in floating point


def _check(errors: int, n: int) -> None:
    if n < 1 or not 0 <= errors <= n:
        raise ValueError(f"{errors} errors of {n} trials are not a rate")

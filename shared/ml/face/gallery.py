"""Exact 1:K search: every template of a gallery in one matrix, every query one product with it.

A person's score fuses his templates: the mean of the best template's cosine and the mean template's. Both
come from the same product, for with s_i = q · t_i the cosine to the mean template is Σ s_i / ‖Σ t_i‖; so one
read of the matrix is all that a search costs. With one template the score is its cosine.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from shared.ml.face.verification import Candidate

__all__ = ["Candidate", "GalleryMatrix", "fuse"]

_FIRST_CAPACITY = 256  # rows; doubles when full
_SHORTEST_SUM = 1e-6  # of unit templates that cancel each other out: they have no mean direction
_SCORES_AT_ONCE = 1 << 24  # probes times rows in one product: 64 MB of float32

_PEOPLE_AT_ONCE = 1 << 16  # whose templates are gathered in one go

_Scalar = TypeVar("_Scalar", bound=np.generic)
Embedding = npt.NDArray[np.float32]


def fuse(probe: Embedding, templates: Embedding) -> float:
    """One person's score for a (D,) probe and his (n, D) templates, n ≥ 1, all unit vectors (or a mean of such).

    The same number that a search gives him.
    """
    cosines = templates @ probe
    norm = max(float(np.linalg.norm(templates.sum(axis=0))), _SHORTEST_SUM)
    return float(cosines.max() + cosines.sum() / norm) / 2


class GalleryMatrix:
    """The templates of one gallery, to be searched on a device: float32 on the CPU, float16 on CUDA.

    Changes are written to the host's copy and reach the device before the next search, so that putting a
    million templates costs seconds. Rows and people are kept dense: one that goes is replaced by the last.
    Not safe for concurrent use: one thread owns it, the one that owns the device.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._device = device or torch.device("cpu")
        self._table = _Table(np.dtype(np.float16 if self._device.type == "cuda" else np.float32))
        # The device's copy; on the CPU, views of the table itself.
        self._rows = torch.empty(0)  # (capacity, D)
        self._owners = torch.empty(0, dtype=torch.int64)  # (capacity,): whose template, as a person's number
        self._norms = torch.empty(0)  # (persons,): ‖Σ t_i‖

    def __len__(self) -> int:
        """How many templates there are."""
        return len(self._table.faces)

    @property
    def persons(self) -> int:
        """How many people there are: the K of a search."""
        return len(self._table.people)

    def put(self, face_id: str, person: str, embedding: Embedding) -> None:
        """Add a template, a (D,) vector of unit length, or replace the one of this face.

        Raises ValueError when it is as long as no other template here: it is another model's.
        """
        if embedding.ndim != 1 or (len(self) and len(embedding) != self._table.dimensions):
            raise ValueError(f"a template has {self._table.dimensions} numbers, this one's shape is {embedding.shape}")
        self._table.remove(face_id)
        self._table.append(face_id, person, embedding)

    def remove(self, face_id: str) -> bool:
        """Whether the face was there; the person goes with his last one."""
        return self._table.remove(face_id)

    def remove_person(self, person: str) -> int:
        """Remove all templates of a person; how many there were."""
        faces = list(self._table.faces_of.get(person, ()))
        for face in faces:
            self._table.remove(face)
        return len(faces)

    def closest(self, person: str, probe: Embedding) -> str | None:
        """Which of a person's faces is most similar to a (D,) probe; None when there is no such person."""
        faces = sorted(self._table.faces_of.get(person, ()))
        if not faces:
            return None
        rows = self._table.rows[[self._table.row_of[face] for face in faces]].astype(np.float32)
        return faces[int(np.argmax(rows @ probe))]

    @torch.inference_mode()
    def search(self, probes: Embedding, top_k: int) -> list[list[Candidate]]:
        """For each of (B, D) unit vectors, or means of such, the `top_k` most similar people, the best first."""
        if not len(self) or not len(probes):
            return [[] for _ in probes]
        self._flush()
        step = max(1, _SCORES_AT_ONCE // len(self))
        return [
            candidates
            for start in range(0, len(probes), step)
            for candidates in self._search(torch.from_numpy(probes[start : start + step]), top_k)
        ]

    def _search(self, probes: torch.Tensor, top_k: int) -> list[list[Candidate]]:
        rows, owners = self._rows[: len(self)], self._owners[: len(self)]
        cosines = (probes.to(rows) @ rows.T).float()  # (B, N)
        owner = owners.expand(len(probes), -1)
        best = torch.full((len(probes), self.persons), -torch.inf, device=self._device)
        best = best.scatter_reduce_(1, owner, cosines, "amax")  # (B, K)
        total = torch.zeros_like(best).scatter_add_(1, owner, cosines)
        scores, numbers = ((best + total / self._norms) / 2).topk(min(top_k, self.persons), dim=1)
        people = self._table.people
        return [
            [Candidate(people[number], score) for number, score in zip(row_numbers, row_scores, strict=True)]
            for row_numbers, row_scores in zip(numbers.tolist(), scores.tolist(), strict=True)
        ]

    def _flush(self) -> None:
        """Bring the device's copy up to date."""
        table = self._table
        if self._device.type == "cpu" or self._rows.shape != table.rows.shape:
            self._rows = torch.from_numpy(table.rows).to(self._device)
            self._owners = torch.from_numpy(table.owners).to(self._device)
        elif table.changed_rows:
            changed = np.fromiter(table.changed_rows, dtype=np.int64)
            index = torch.from_numpy(changed).to(self._device)
            self._rows[index] = torch.from_numpy(table.rows[changed]).to(self._device)
            self._owners[index] = torch.from_numpy(table.owners[changed]).to(self._device)
        if table.changed_people or len(self._norms) != self.persons:
            table.update_norms()
            self._norms = torch.from_numpy(table.norms[: self.persons].copy()).to(self._device)
        table.changed_rows.clear()


class _Table:
    """The host's copy: templates in dense rows, people in dense numbers, and what changed since a flush."""

    def __init__(self, dtype: np.dtype[np.floating]) -> None:
        self.rows = np.empty((_FIRST_CAPACITY, 0), dtype=dtype)  # as wide as the first template
        self.owners = np.empty(_FIRST_CAPACITY, dtype=np.int64)  # row -> person's number
        self.norms = np.empty(_FIRST_CAPACITY, dtype=np.float32)  # person's number -> ‖Σ t_i‖
        self.faces: list[str] = []  # row -> face
        self.people: list[str] = []  # number -> person
        self.row_of: dict[str, int] = {}
        self.number_of: dict[str, int] = {}
        self.faces_of: dict[str, set[str]] = {}
        self.changed_rows: set[int] = set()
        self.changed_people: set[str] = set()

    @property
    def dimensions(self) -> int:
        return int(self.rows.shape[1])

    def append(self, face: str, person: str, embedding: Embedding) -> None:
        if person not in self.number_of:
            self.number_of[person] = len(self.people)
            self.people.append(person)
            self.faces_of[person] = set()
        row = len(self.faces)
        if not row and self.dimensions != len(embedding):
            self.rows = np.empty((len(self.rows), len(embedding)), dtype=self.rows.dtype)
        if row == len(self.rows):
            # people are never more than rows
            self.rows, self.owners, self.norms = map(_doubled, (self.rows, self.owners, self.norms))
        self.faces.append(face)
        self.row_of[face] = row
        self.rows[row] = embedding
        self.owners[row] = self.number_of[person]
        self.faces_of[person].add(face)
        self.changed_rows.add(row)
        self.changed_people.add(person)

    def remove(self, face: str) -> bool:
        if face not in self.row_of:
            return False
        row, last = self.row_of[face], len(self.faces) - 1
        person = self.people[self.owners[row]]
        if row != last:
            self.rows[row], self.owners[row] = self.rows[last], self.owners[last]
            self.faces[row] = self.faces[last]
            self.row_of[self.faces[row]] = row
            self.changed_rows.add(row)
        self.faces.pop()
        del self.row_of[face]
        self.changed_rows.discard(last)
        self.faces_of[person].remove(face)
        self.changed_people.add(person)
        if not self.faces_of[person]:
            self._remove_person(person)
        return True

    def _remove_person(self, person: str) -> None:
        """A person without templates: his number goes to the last person."""
        number, last = self.number_of[person], len(self.people) - 1
        if number != last:
            heir = self.people[last]
            self.people[number] = heir
            self.number_of[heir] = number
            self.norms[number] = self.norms[last]
            heirs_rows = [self.row_of[face] for face in self.faces_of[heir]]
            self.owners[heirs_rows] = number
            self.changed_rows.update(heirs_rows)
        self.people.pop()
        del self.number_of[person], self.faces_of[person]
        self.changed_people.discard(person)

    def update_norms(self) -> None:
        """‖Σ t_i‖ anew for the people whose templates changed: sums kept up by ± would drift."""
        changed = np.zeros(len(self.people), dtype=np.bool_)
        changed[[self.number_of[person] for person in self.changed_people]] = True
        owners = self.owners[: len(self.faces)]
        rows = np.flatnonzero(changed[owners])
        rows = rows[np.argsort(owners[rows], kind="stable")]  # each person's rows side by side
        people, starts = np.unique(owners[rows], return_index=True)
        ends = np.append(starts[1:], len(rows))
        for i in range(0, len(people), _PEOPLE_AT_ONCE):
            batch = slice(i, i + _PEOPLE_AT_ONCE)
            first = starts[batch][0]
            templates = self.rows[rows[first : ends[batch][-1]]].astype(np.float32)
            sums = np.add.reduceat(templates, starts[batch] - first, axis=0)  # (people, D)
            self.norms[people[batch]] = np.maximum(np.linalg.norm(sums, axis=1), _SHORTEST_SUM)
        self.changed_people.clear()


def _doubled(array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    return np.concatenate([array, np.empty_like(array)])

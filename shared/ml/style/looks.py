"""The named looks of the multi-style network (multistyle.py). Pure Python: the gateway lists them without torch.

Their pictures were never published with the network and their order is all that its file says, so the names are ours
and say what a repainted photo looks like.
"""

from dataclasses import dataclass

from shared.errors import StyleNotFound


@dataclass(frozen=True)
class Look:
    """`index` is its row in the network's tables."""

    id: str
    title: str
    index: int


_TITLES = (
    "Golden haze",
    "Yellow and ink",
    "Ivory and charcoal",
    "Jewel shards",
    "Crimson afternoon",
    "Autumn fauve",
    "Midnight pebbles",
    "Primary colours",
    "Magenta sketch",
    "Red terrazzo",
    "Terracotta",
    "Old engraving",
    "Lilac pastel",
    "Peacock",
    "Porcelain",
    "Leaded glass",
    "Cobalt chalk",
    "Red lattice",
    "Woodcut",
    "Indigo and gold",
    "Ember",
    "Candy collage",
    "Cubist grey",
    "Dusk in oil",
    "Sea print",
    "Slate impasto",
)

LOOKS: tuple[Look, ...] = tuple(
    Look(f"look-{title.lower().replace(' ', '-')}", title, index) for index, title in enumerate(_TITLES)
)


def find(look_id: str) -> Look:
    """Raises StyleNotFound, naming the looks there are."""
    for look in LOOKS:
        if look.id == look_id:
            return look
    known = ", ".join(look.id for look in LOOKS)
    raise StyleNotFound(f"There is no look {look_id[:64]!r}. The looks are: {known}.")

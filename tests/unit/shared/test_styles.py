"""The style library over a store in memory: what is listed is whole, whatever happens at the same time."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from PIL import Image

from shared import images, styles
from shared.errors import ImageTooSmall, ObjectNotFound, StyleNotFound, StyleShared, TooManyStyles
from shared.images import ImageLimits
from shared.ml.style.looks import LOOKS
from shared.schemas import StyleMode
from shared.storage.store import MemoryStore
from shared.styles import Credits, Style, StyleKind, StyleLibrary, StylePicture

LIMITS = ImageLimits(max_bytes=10**6, max_pixels=10**6, max_side=2000, min_side=16)
MINE = Credits(title="Mine")


def picture(colour: str = "red", size: tuple[int, int] = (90, 70), image_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, image_format)
    return buffer.getvalue()


def read(data: bytes) -> StylePicture:
    return StylePicture.read(data, LIMITS)


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    styles.seed(made)
    return made


@pytest.fixture
def library(store: MemoryStore) -> StyleLibrary:
    return StyleLibrary(store)


def put(library: StyleLibrary, style_id: str = "mine", data: bytes | None = None, most: int = 9) -> tuple[Style, bool]:
    return library.put("acme", style_id, MINE, read(data or picture()), most=most)


def ids(library: StyleLibrary, after: str = "", words: str = "", tenant: str = "acme") -> list[str]:
    return [style.id for style in library.styles(tenant, after=after, words=words)]


SHIPPED = [style.id for style in styles.library()]


def test_the_shipped_sizes_are_those_of_the_files(library: StyleLibrary) -> None:
    for style in styles.library():
        if style.kind is StyleKind.PAINTING:
            _, data = library.picture("acme", style.id)
            assert images.decode(data, LIMITS).size == (style.width, style.height), style.id


def test_every_look_of_the_network_is_a_style_for_the_fast_mode_only(library: StyleLibrary) -> None:
    looks = [style for style in library.styles("acme") if style.kind is StyleKind.LOOK]
    assert [(look.id, look.title) for look in looks] == [(look.id, look.title) for look in LOOKS]
    assert {look.modes for look in looks} == {(StyleMode.FAST,)}
    assert all(look.key is None for look in looks)


@pytest.mark.parametrize("style_id", SHIPPED)
def test_what_is_shipped_has_a_thumbnail(library: StyleLibrary, style_id: str) -> None:
    small = images.decode(library.thumbnail("acme", style_id), LIMITS)
    assert styles.LEAST_SIDE < max(small.size) <= styles.THUMBNAIL_SIDE


def test_an_upload_is_kept_to_the_byte_beside_its_thumbnail(library: StyleLibrary) -> None:
    data = picture(size=(600, 300), image_format="WEBP")
    style, is_new = put(library, data=data)
    assert is_new
    assert (style.width, style.height, style.media_type, style.shared) == (600, 300, "image/webp", False)
    assert style.modes == (StyleMode.FAST, StyleMode.FINE)
    assert library.picture("acme", "mine") == (style, data)
    assert images.decode(library.thumbnail("acme", "mine"), LIMITS).size == (256, 128)


def test_the_size_is_that_of_the_upright_picture() -> None:
    image, buffer = Image.new("RGB", (90, 70)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(buffer, "JPEG", exif=exif)
    found = read(buffer.getvalue())
    assert (found.width, found.height) == (70, 90)


@pytest.mark.parametrize("size", [(1, 1), (63, 400)])
def test_a_picture_without_room_for_texture_is_no_style(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooSmall, match="64"):
        read(picture(size=size))


def test_ones_own_come_after_the_shipped_in_the_order_of_their_ids(library: StyleLibrary) -> None:
    for style_id in ("b", "C", "a"):
        put(library, style_id)
    assert ids(library) == [*SHIPPED, "C", "a", "b"]


@pytest.mark.parametrize("after", [*SHIPPED[-2:], "C", "a", "aa", "b"])
def test_a_list_goes_on_behind_any_id_even_one_that_is_gone(library: StyleLibrary, after: str) -> None:
    for style_id in ("b", "C", "a"):
        put(library, style_id)
    behind = {"C": ["a", "b"], "a": ["b"], "aa": ["b"], "b": []}
    expected = behind.get(after, [*SHIPPED[SHIPPED.index(after) + 1 :], "C", "a", "b"] if after in SHIPPED else [])
    assert ids(library, after) == expected


def test_words_are_searched_in_id_title_and_artist(library: StyleLibrary) -> None:
    assert ids(library, words="HOKUSAI wave") == ["great-wave"]
    assert ids(library, words="hokusai kandinsky") == []
    put(library, "kelp")
    assert ids(library, words="kelp") == ids(library, words="mine") == ["kelp"]


def test_a_style_is_its_tenants_only(library: StyleLibrary) -> None:
    put(library)
    assert ids(library, tenant="other") == SHIPPED
    for look_up in (library.find, library.picture, library.thumbnail, library.delete):
        with pytest.raises(StyleNotFound):
            look_up("other", "mine")
    assert ids(library)[-1] == "mine"


def test_what_is_shipped_can_neither_be_replaced_nor_deleted(library: StyleLibrary) -> None:
    for style_id in (SHIPPED[0], SHIPPED[-1]):
        with pytest.raises(StyleShared):
            put(library, style_id)
        with pytest.raises(StyleShared):
            library.delete("acme", style_id)
    assert ids(library) == SHIPPED


def test_a_replaced_style_leaves_nothing_behind(library: StyleLibrary, store: MemoryStore) -> None:
    put(library)
    style, is_new = put(library, data=picture("blue"))
    assert not is_new
    assert library.picture("acme", "mine") == (style, picture("blue"))
    assert len(list(store.keys("styles/tenants/acme/pictures/"))) == 2, "the picture and its thumbnail"


def test_a_deleted_style_leaves_nothing_behind(library: StyleLibrary, store: MemoryStore) -> None:
    put(library)
    library.delete("acme", "mine")
    assert ids(library) == SHIPPED
    assert list(store.keys("styles/tenants/acme/pictures/")) == []
    with pytest.raises(StyleNotFound):
        library.delete("acme", "mine")


def test_the_limit_stops_new_styles_and_not_new_pictures_of_old_ones(library: StyleLibrary, store: MemoryStore) -> None:
    put(library, "a", most=2)
    put(library, "b", most=2)
    with pytest.raises(TooManyStyles, match="2 styles"):
        put(library, "c", most=2)
    assert len(list(store.keys("styles/tenants/acme/pictures/"))) == 4, "the third left nothing"
    assert put(library, "a", picture("blue"), most=2)[1] is False


def test_an_index_may_be_named_like_an_id(library: StyleLibrary) -> None:
    put(library, "index.json")
    assert ids(library)[-1] == "index.json"


def test_uploads_and_deletions_of_one_id_at_once_end_in_one_whole_style(
    library: StyleLibrary, store: MemoryStore
) -> None:
    """A reader in between finds a whole one, or none."""
    pictures = [picture(colour) for colour in ("red", "green", "blue", "white")]

    def work(number: int) -> None:
        match number % 6:
            case 4:
                library.delete("acme", "mine")
            case 5:
                assert library.picture("acme", "mine")[1] in pictures
            case colour:
                put(library, data=pictures[colour])

    def try_to(number: int) -> None:
        with suppress(StyleNotFound):
            work(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_to, range(120)))
    style, _ = put(library, data=pictures[0])
    assert library.picture("acme", "mine") == (style, pictures[0])
    assert len(list(store.keys("styles/tenants/acme/pictures/"))) == 2


class Forgetful(MemoryStore):
    """Writes each change twice, as one does whose answer to the first attempt was lost."""

    def update(self, key: str, change: Callable[[bytes], bytes]) -> bytes:
        super().update(key, change)
        return super().update(key, change)


def test_an_answer_of_the_store_that_is_lost_costs_no_picture() -> None:
    library = StyleLibrary(store := Forgetful())
    put(library)
    style, is_new = put(library, data=picture("blue"))
    assert not is_new
    assert library.picture("acme", "mine") == (style, picture("blue"))
    assert len(list(store.keys("styles/tenants/acme/pictures/"))) == 2
    library.delete("acme", "mine")
    assert list(store.keys("styles/tenants/acme/pictures/")) == []


def test_a_picture_that_the_store_lost_is_not_waited_for(library: StyleLibrary, store: MemoryStore) -> None:
    style, _ = put(library)
    store.delete(f"{style.key}")
    with pytest.raises(ObjectNotFound):
        library.picture("acme", "mine")

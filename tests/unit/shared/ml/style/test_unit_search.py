"""The search for the strongest places: against a search by hand through all activations."""

import pytest
import torch
from torch import Tensor

from shared.errors import ImageTooSmall, InvalidField
from shared.ml.style.features import Vgg16Features
from shared.ml.style.guided import backward_image
from shared.ml.style.options import Method
from shared.ml.style.patches import PatchCollector, UnitView
from shared.ml.style.unit_search import CANDIDATES, PATCHES, Unit, UnitSearch

LAYER = "relu2_2"  # a field of 14 px, a stride of 2


def noise(seed: int, height: int = 40, width: int = 52) -> Tensor:
    """Blotches: noise of one pixel is alike everywhere."""
    small = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, (height, width), mode="bilinear")


def searched(features: Vgg16Features, pictures: list[Tensor], layer: str = LAYER) -> UnitSearch:
    search = UnitSearch(features, layer)
    for picture in pictures:
        search.look(picture)
    return search


@pytest.fixture(scope="module")
def pictures(wave_128: Tensor, portrait_128: Tensor) -> list[Tensor]:
    return [wave_128, portrait_128, *(noise(seed) for seed in range(9))]


def test_a_units_places_are_the_strongest_of_each_picture(features: Vgg16Features, pictures: list[Tensor]) -> None:
    (unit,) = searched(features, pictures).units([17])
    expected = []
    for number, picture in enumerate(pictures):
        a = features(picture, [LAYER])[LAYER][0, 17]
        inner = a[3:-3, 3:-3]  # the field begins 6 px before its position, and ends 8 px behind it
        expected.append((inner.max().item(), number))
    found = [(place.activation, place.picture) for place in unit.places]
    assert [number for _, number in found] == [number for _, number in sorted(expected, reverse=True)]
    assert [value for value, _ in found] == pytest.approx([value for value, _ in sorted(expected, reverse=True)])


def test_a_place_is_where_the_network_has_that_activation(features: Vgg16Features, pictures: list[Tensor]) -> None:
    search = searched(features, pictures)
    for unit in search.units([0, 63, 127]):
        for place in unit.places:
            a = features(pictures[place.picture], [LAYER])[LAYER]
            assert a[0, unit.number, place.row, place.column].item() == pytest.approx(place.activation)
            box = search.field.box(place.row, place.column)
            height, width = pictures[place.picture].shape[2:]
            assert min(box.top, box.left) >= 0
            assert box.bottom <= height
            assert box.right <= width


def test_however_many_pictures_there_are_only_so_many_places_are_kept(features: Vgg16Features) -> None:
    search = searched(features, [noise(seed, 24, 24) for seed in range(CANDIDATES + 5)])
    assert search.pictures == CANDIDATES + 5
    assert len(search.units([3])[0].places) == CANDIDATES


def test_contrast_is_in_standard_deviations_over_all_places(features: Vgg16Features, pictures: list[Tensor]) -> None:
    (unit,) = searched(features, pictures).units([17])
    every = torch.cat([features(picture, [LAYER])[LAYER][0, 17, 3:-3, 3:-3].flatten() for picture in pictures])
    weakest = unit.places[PATCHES - 1].activation
    assert unit.contrast == pytest.approx(((weakest - every.mean()) / every.std(correction=0)).item(), rel=1e-3)


def test_the_most_telling_units_are_strong_selective_and_different(
    features: Vgg16Features, pictures: list[Tensor]
) -> None:
    search = searched(features, pictures)
    chosen = search.most_telling(6)
    every = search.units(range(128))
    weakest = sorted(unit.places[PATCHES - 1].activation for unit in every)
    assert all(unit.places[PATCHES - 1].activation >= weakest[63] for unit in chosen)
    assert [unit.contrast for unit in chosen] == sorted((unit.contrast for unit in chosen), reverse=True)
    assert chosen[0].contrast >= sorted(unit.contrast for unit in every)[64]
    for index, unit in enumerate(chosen):
        assert all(len(shared(unit, other)) <= 4 for other in chosen[:index])


def shared(a: Unit, b: Unit) -> set[tuple[int, int, int]]:
    first, second = ({(place.picture, place.row, place.column) for place in unit.places[:PATCHES]} for unit in (a, b))
    return first & second


def test_a_picture_without_room_for_a_field_is_refused_and_does_not_count(features: Vgg16Features) -> None:
    search = searched(features, [noise(1)])
    with pytest.raises(ImageTooSmall, match="sees 14 px at once: each side needs at least 15 px"):
        search.look(noise(2, 12, 60))
    assert search.pictures == 1


def test_an_unknown_unit_is_refused(features: Vgg16Features) -> None:
    with pytest.raises(InvalidField, match="relu2_2 has the units 0 to 127, not 128"):
        UnitSearch(features, LAYER).check([5, 128])


@pytest.mark.parametrize("layer", ["relu2_2", "conv3_1", "relu3_3"])
def test_a_patch_alone_activates_its_unit_as_the_whole_picture_did(
    features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor, layer: str
) -> None:
    pictures = [portrait_128, wave_128]
    search = searched(features, pictures, layer)
    units = search.units([1, 50])
    for view in collected(features, search, units, pictures):
        for patch in view.patches:
            box = search.field.box(patch.place.row, patch.place.column)
            whole = pictures[patch.place.picture]
            assert torch.equal(patch.pixels, whole[..., box.top : box.bottom, box.left : box.right])
            # nothing but the patch on a black picture, where it was
            alone = torch.zeros_like(whole)
            alone[..., box.top : box.bottom, box.left : box.right] = patch.pixels
            a = features(alone, [layer])[layer][0, view.unit.number, patch.place.row, patch.place.column]
            assert a.item() == pytest.approx(patch.place.activation, rel=1e-4)


def test_the_way_back_from_a_patch_is_that_from_the_picture(features: Vgg16Features, portrait_128: Tensor) -> None:
    search = searched(features, [portrait_128], "conv3_1")
    (view,) = collected(features, search, search.units([9]), [portrait_128])
    (patch,) = view.patches
    place = (9, patch.place.row, patch.place.column)
    _, whole = backward_image(features, portrait_128, "conv3_1", place, method=Method.GUIDED)
    box = search.field.box(patch.place.row, patch.place.column)
    expected = whole[:, box.top : box.bottom, box.left : box.right]
    torch.testing.assert_close(patch.back, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())


def test_copies_of_a_picture_give_one_patch(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> None:
    brighter = (portrait_128 * 1.05).clamp(0, 1)
    pictures = [portrait_128, brighter, portrait_128.clone(), wave_128]
    search = searched(features, pictures)
    for view in collected(features, search, search.units([4, 90]), pictures):
        assert len([patch for patch in view.patches if patch.place.picture != 3]) == 1
        assert len(view.patches) == 2


def test_nine_patches_are_shown_at_most(features: Vgg16Features, pictures: list[Tensor]) -> None:
    search = searched(features, pictures)
    (view,) = collected(features, search, search.units([17]), pictures)
    activations = [patch.place.activation for patch in view.patches]
    assert len(activations) == PATCHES
    assert activations == sorted(activations, reverse=True)


def collected(features: Vgg16Features, search: UnitSearch, units: list[Unit], pictures: list[Tensor]) -> list[UnitView]:
    collector = PatchCollector(features, search.layer, search.field, units)
    for number in collector.needed:
        collector.look(number, pictures[number])
    return list(collector.views(Method.GUIDED))

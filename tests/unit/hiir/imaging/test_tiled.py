from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiir.imaging import (
    ModelOutputInvalid,
    PixelFile,
    TilingCanceled,
    restore_bands,
    restore_tiled,
    restored_shape,
)


class FakeEngine:
    """Answers at once by a function, and remembers what it was given."""

    def __init__(self, answer, *, any_size=True):
        self.answer = answer
        self.any_size = any_size
        self.tiles = []

    def submit(self, tile):
        self.tiles.append(tile)
        future = Future()
        future.set_result(self.answer(tile))
        return future


class SlowEngine:
    """Leaves every future open, except that waiting for one resolves it."""

    any_size = False

    def __init__(self, error_at=None):
        self.open = []
        self.most_open = 0
        self.submitted = []
        self.error_at = error_at

    def submit(self, tile):
        engine, index = self, len(self.submitted)

        class Pending(Future):
            def result(self, timeout=None):
                engine.open.remove(self)
                if index == engine.error_at:
                    raise ConnectionError("server went away")
                return tile

        future = Pending()
        self.open.append(future)
        self.submitted.append(future)
        self.most_open = max(self.most_open, len(self.open))
        return future


def restore(image, contract, engine, *, in_flight=3, on_progress=None, should_stop=None):
    shape = restored_shape(image.shape, contract)
    output = np.empty(shape, np.uint16 if image.dtype == np.uint16 else np.uint8)
    restore_tiled(
        image=image,
        output=output,
        contract=contract,
        infer=engine,
        in_flight=in_flight,
        on_progress=on_progress or (lambda done, total: None),
        should_stop=should_stop or (lambda: False),
    )
    return output


def enlarge(tile):
    return tile.repeat(2, axis=2).repeat(2, axis=3)


@st.composite
def tilings(draw):
    """Any tile, any overlap, and an image from one pixel to beyond three tiles."""
    multiple, count = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    tile = multiple * count
    overlap = draw(st.integers(0, tile - 1))
    # So that even an overlap that leaves one pixel's step stays a few hundred tiles.
    longest = min(3 * tile + 2, tile + 16 * (tile - overlap))
    size = draw(st.tuples(st.integers(1, longest), st.integers(1, longest)))
    return {"tile": tile, "overlap": overlap, "size_multiple": multiple}, size


@st.composite
def images(draw, size, channels):
    """Noise, two extremes, a ramp, or one level: what rounding and dead models would show in."""
    shape = (*size, channels)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["noise", "extremes", "ramp", "flat"])):
        case "noise":
            return generator.integers(0, 256, shape, dtype=np.uint8)
        case "extremes":
            return generator.integers(0, 2, shape, dtype=np.uint8) * np.uint8(255)
        case "ramp":
            return (np.arange(np.prod(shape)).reshape(shape) % 256).astype(np.uint8)
        case _:
            return np.full(shape, draw(st.integers(0, 255)), np.uint8)


any_case = settings(max_examples=200)


@any_case
@given(tiling=tilings(), data=st.data())
def test_an_identity_model_returns_every_image_bit_for_bit(make_contract, tiling, data):
    changes, size = tiling
    channels = data.draw(st.sampled_from([1, 3]))
    contract = make_contract(**changes, input_channels=channels, output_channels=channels)
    image = data.draw(images(size, channels))
    engine = FakeEngine(lambda tile: tile, any_size=data.draw(st.booleans()))
    result = restore(image, contract, engine, in_flight=data.draw(st.integers(1, 5)))
    assert result.dtype == np.uint8
    assert np.array_equal(result, image)


def test_sixteen_bits_pass_through_every_one_of_them(make_contract):
    image = np.random.default_rng(2).permutation(65_536).astype(np.uint16).reshape(256, 256, 1)
    contract = make_contract(tile=64, overlap=16)
    result = restore(image, contract, FakeEngine(lambda tile: tile))
    assert result.dtype == np.uint16
    assert np.array_equal(result, image.repeat(3, axis=2))


def test_gray_is_three_equal_channels_to_a_model_for_colors(make_contract, make_pixels):
    image = make_pixels(channels=1)
    engine = FakeEngine(lambda tile: tile)
    assert np.array_equal(restore(image, make_contract(), engine), image.repeat(3, axis=2))


def test_an_image_may_lie_in_a_file_and_come_out_in_one(make_contract, make_pixels):
    image = make_pixels(70, 50)
    with PixelFile(image.shape, np.uint8) as source, PixelFile(image.shape, np.uint8) as output:
        source[:] = image
        restore_tiled(
            image=source,
            output=output,
            contract=make_contract(),
            infer=FakeEngine(lambda tile: tile),
            in_flight=2,
            on_progress=lambda done, total: None,
            should_stop=lambda: False,
        )
        assert np.array_equal(output[:], image)


def test_an_output_of_another_size_is_refused(make_contract, make_pixels):
    with pytest.raises(ValueError, match="output"):
        restore_tiled(
            image=make_pixels(),
            output=make_pixels(7, 7),
            contract=make_contract(),
            infer=SlowEngine(),
            in_flight=2,
            on_progress=lambda done, total: None,
            should_stop=lambda: False,
        )


@pytest.mark.parametrize("tile", [1, 2, 5, 8])
def test_an_identity_model_is_exact_at_every_overlap_and_around_every_multiple_of_the_tile(
    make_contract, make_pixels, tile
):
    lengths = sorted({1, *range(tile - 1, tile + 2), *range(2 * tile - 1, 2 * tile + 2), 3 * tile})
    for overlap in range(tile):
        contract = make_contract(tile=tile, overlap=overlap, size_multiple=1)
        for height in filter(None, lengths):
            for width in filter(None, lengths):
                image = make_pixels(height, width)
                assert np.array_equal(
                    restore(image, contract, FakeEngine(lambda tile: tile)), image
                ), f"{width}x{height}, overlap {overlap}"


@pytest.mark.parametrize("size", [(1, 1), (63, 700), (300, 517)])
@pytest.mark.parametrize(("tile", "overlap"), [(64, 0), (128, 32), (192, 64), (256, 255)])
def test_an_identity_model_is_exact_at_the_sizes_that_are_served(
    make_contract, make_pixels, size, tile, overlap
):
    if overlap == tile - 1:
        size = (min(size[0], tile + 3), min(size[1], tile + 3))
    image = make_pixels(*size)
    contract = make_contract(tile=tile, overlap=overlap)
    assert np.array_equal(restore(image, contract, FakeEngine(lambda tile: tile)), image)


@any_case
@given(tiling=tilings(), data=st.data())
def test_a_nearest_neighbor_model_enlarges_every_image_exactly(make_contract, tiling, data):
    changes, size = tiling
    image = data.draw(images(size, 3))
    expected = image.repeat(2, axis=0).repeat(2, axis=1)
    contract = make_contract(**changes, scale=2)
    engine = FakeEngine(enlarge, any_size=data.draw(st.booleans()))
    assert np.array_equal(restore(image, contract, engine), expected)


@any_case
@given(tiling=tilings(), data=st.data())
def test_float_pixels_come_back_bit_for_bit_in_bands_beyond_the_unit_range(
    make_contract, tiling, data
):
    changes, size = tiling
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    image = generator.normal(0.5, 1, (*size, 3)).astype(np.float32)
    bands = restore_bands(
        image=image,
        contract=make_contract(**changes),
        infer=FakeEngine(lambda tile: tile, any_size=data.draw(st.booleans())),
        in_flight=2,
        on_progress=lambda done, total: None,
        should_stop=lambda: False,
    )
    tops, rows = zip(*((band.top, band.rows.copy()) for band in bands), strict=True)
    assert np.array_equal(np.concatenate(rows), image)
    assert list(tops) == np.cumsum([0, *map(len, rows[:-1])]).tolist()


def test_a_model_that_is_not_the_identity_is_noticed(make_contract, make_pixels):
    image = make_pixels()
    halves = FakeEngine(lambda tile: tile / np.float32(2))
    assert not np.array_equal(restore(image, make_contract(), halves), image)


def test_tiles_are_contiguous_float32_in_the_unit_range(make_contract, make_pixels):
    engine = FakeEngine(lambda tile: tile, any_size=False)
    restore(make_pixels(), make_contract(), engine)
    for tile in engine.tiles:
        assert (tile.shape, tile.dtype) == ((1, 3, 16, 16), np.float32)
        assert tile.flags.c_contiguous
        assert 0 <= tile.min() <= tile.max() <= 1


@pytest.mark.parametrize(
    ("size", "tiles"), [((5, 60), {(8, 64)}), ((64, 65), {(64, 40), (64, 32)})]
)
def test_tiles_are_as_large_as_the_image_needs(make_contract, make_pixels, size, tiles):
    contract = make_contract(tile=64, overlap=4, size_multiple=8)
    engine = FakeEngine(lambda tile: tile)
    image = make_pixels(*size)
    assert np.array_equal(restore(image, contract, engine), image)
    assert {tile.shape[2:] for tile in engine.tiles} == tiles


def test_a_model_may_turn_color_into_one_channel(make_contract, make_pixels):
    contract = make_contract(output_channels=1)
    image = make_pixels()
    result = restore(image, contract, FakeEngine(lambda tile: tile[:, :1]))
    assert np.array_equal(result, image[..., :1])


def test_no_more_than_the_allowed_tiles_are_in_flight(make_contract, make_pixels):
    engine = SlowEngine()
    image = make_pixels()
    assert np.array_equal(restore(image, make_contract(), engine, in_flight=4), image)
    assert engine.most_open == 4
    assert len(engine.submitted) > 8


def test_progress_counts_every_tile_from_zero(make_contract, make_pixels):
    seen = []
    engine = FakeEngine(lambda tile: tile)
    restore(make_pixels(), make_contract(), engine, on_progress=lambda *pair: seen.append(pair))
    total = len(engine.tiles)
    assert seen == [(done, total) for done in range(total + 1)]


def test_a_request_to_stop_cancels_what_is_in_flight(make_contract, make_pixels):
    engine = SlowEngine()
    answers = iter([False, False, True])
    with pytest.raises(TilingCanceled):
        restore(make_pixels(), make_contract(), engine, should_stop=lambda: next(answers))
    assert len(engine.submitted) == 4
    assert [future.cancelled() for future in engine.submitted] == [False, False, True, True]


def test_a_request_to_stop_at_the_start_submits_nothing(make_contract, make_pixels):
    engine = SlowEngine()
    with pytest.raises(TilingCanceled):
        restore(make_pixels(), make_contract(), engine, should_stop=lambda: True)
    assert engine.submitted == []


def test_a_failed_tile_fails_the_image_and_cancels_the_rest(make_contract, make_pixels):
    engine = SlowEngine(error_at=1)
    with pytest.raises(ConnectionError, match="went away"):
        restore(make_pixels(), make_contract(), engine)
    assert all(future.cancelled() for future in engine.submitted[2:])


def test_an_error_while_reporting_progress_cancels_what_is_in_flight(make_contract, make_pixels):
    engine = SlowEngine()

    def report(done, total):
        if done == 1:
            raise ConnectionError("store went away")

    with pytest.raises(ConnectionError) as caught:
        restore(make_pixels(), make_contract(), engine, on_progress=report)
    assert caught.value.args == ("store went away",)
    assert [future.cancelled() for future in engine.submitted] == [False, True, True]


def poison(tile):
    spoilt = tile.copy()
    spoilt[0, 1, 3, 3] = np.nan
    return spoilt


@pytest.mark.parametrize(
    "answer",
    [
        lambda tile: tile[0],
        lambda tile: tile[..., :-1],
        lambda tile: tile[:, :1],
        lambda tile: tile.astype(np.float64),
        poison,
        lambda tile: np.where(tile > 0.9, np.float32(np.inf), tile),
        np.zeros_like,
        np.ones_like,
    ],
)
def test_an_unusable_output_is_refused(make_contract, make_pixels, answer):
    with pytest.raises(ModelOutputInvalid):
        restore(make_pixels(), make_contract(), FakeEngine(answer))


def test_a_constant_for_a_structured_tile_of_the_same_level_is_refused(make_contract):
    image = np.repeat(np.arange(16, dtype=np.uint8) * 17, 16 * 3).reshape(16, 16, 3)
    with pytest.raises(ModelOutputInvalid, match="constant"):
        restore(image, make_contract(), FakeEngine(lambda tile: np.full_like(tile, 0.5)))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_is_the_right_answer_to_a_flat_image(make_contract, level):
    noise = np.random.default_rng(5).normal(0, 10, (64, 64, 3))
    image = np.clip(level + noise, 0, 255).astype(np.uint8)
    contract = make_contract(tile=64, overlap=8)
    answer = FakeEngine(lambda tile: np.full_like(tile, level / 255))
    assert (restore(image, contract, answer) == level).all()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20, 3), np.float64),
        np.zeros((20, 20), np.uint8),
        np.zeros((0, 20, 3), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
    ],
)
def test_an_image_that_does_not_fit_the_contract_is_refused(make_contract, image):
    engine = SlowEngine()
    with pytest.raises(ValueError, match=r"expected|channels"):
        restore(image, make_contract(), engine)
    assert engine.submitted == []


def test_nothing_in_flight_is_refused(make_contract, make_pixels):
    with pytest.raises(ValueError, match="in_flight"):
        restore(make_pixels(), make_contract(), SlowEngine(), in_flight=0)

import ast
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.errors import BadValue, Contradiction, RadlogicError, TooLarge
from radlogic.engine.perception import phantom as phantom_module
from radlogic.engine.perception.phantom import (
    LOBE_SITES,
    Phantom,
    PhantomSpec,
    bundled_example,
    chest_phantom,
)
from radlogic.engine.perception.phantom_lungs import lung_depth_at
from radlogic.engine.perception.phantom_nodules import Calcification, NoduleSpec, NoduleType, truth_of
from radlogic.engine.perception.phantom_trees import trees_of

SITE = LOBE_SITES["right upper"]
FWHM_OF_SD = 2.3548


def near(nodule: NoduleSpec | None = None, side_mm: float = 32.0, pixel_mm: float = 0.7, **changes) -> PhantomSpec:
    """A small, noiseless scan about a nodule, or about its site."""
    count = round(side_mm / pixel_mm)
    plain = {
        "nodules": () if nodule is None else (nodule,),
        "rows": count,
        "columns": count + 3,
        "pixel_mm": pixel_mm,
        "slices": 26,
        "spacing_mm": 1.0,
        "slice_thickness_mm": 1.0,
        "centre_mm": SITE if nodule is None else nodule.position_mm,
        "noise_sd_hu": 0.0,
    }
    return PhantomSpec(**plain | changes)


def whole(**changes) -> PhantomSpec:
    """The whole chest, coarse and noiseless."""
    return PhantomSpec(
        **{"rows": 128, "columns": 144, "pixel_mm": 2.6, "slices": 42, "spacing_mm": 7.0, "slice_thickness_mm": 7.0}
        | changes
    )


def solid(diameter: float = 9.0, **changes) -> NoduleSpec:
    return replace(NoduleSpec("n", NoduleType.SOLID, SITE, diameter), **changes)


def hu_at(phantom: Phantom, place: tuple[float, float, float]) -> float:
    """Mean HU of the 3 x 3 pixels at a place in the patient."""
    k, r, c = (round(i) for i in phantom.volume.index_of(place))
    return float(phantom.volume.hu[k, r - 1 : r + 2, c - 1 : c + 2].mean())


@pytest.fixture(scope="module")
def chest() -> Phantom:
    return chest_phantom(whole(noise_sd_hu=0.0))


def voxel_mm3(phantom: Phantom) -> float:
    return float(np.prod(phantom.volume.spacing_mm))


# ---- geometry and labels


def test_the_volume_has_the_geometry_and_labels_that_were_asked_for():
    spec = PhantomSpec(slices=4, rows=20, columns=24, pixel_mm=5, spacing_mm=3, slice_thickness_mm=2, kernel="SOFT")
    volume = chest_phantom(replace(spec, centre_mm=(10.0, -20.0, 7.0), contrast=True, site="site B", kvp=100)).volume

    assert volume.hu.shape == (4, 20, 24)
    assert volume.hu.dtype == np.int16
    assert volume.spacing_mm == (3, 5, 5)
    assert volume.position_of((1.5, 9.5, 11.5)) == pytest.approx((10, -20, 7))
    assert volume.position_of((1, 0, 0))[2] > volume.position_of((0, 0, 0))[2]
    made = volume.acquisition
    assert (made.manufacturer, made.model, made.kernel) == ("radlogic phantom", "site B", "SOFT")
    assert (made.slice_thickness_mm, made.kvp, made.contrast, made.body_part) == (2, 100, True, "CHEST")


def test_the_anatomy_is_where_anatomy_is(chest):
    expected = {
        (0, -20, -70): (30, 60),  # heart
        (24, 42, -42): (30, 55),  # descending aorta
        (-1, 10, 30): (-1000, -800),  # windpipe
        (0, 54, -14): (60, 500),  # vertebral body
        (-70, -10, -130): (45, 75),  # liver
        (-90, 10, 0): (-960, -740),  # right lung
        (90, 10, 0): (-960, -740),  # left lung
        (0, -160, 0): (-1001, -999),  # air before the body
    }
    found = {place: hu_at(chest, place) for place in expected}

    assert {p: hu for p, hu in found.items() if not expected[p][0] <= hu <= expected[p][1]} == {}


def test_the_lungs_hold_as_much_as_lungs_do_and_the_right_one_more(chest):
    spec, hu = chest.spec, chest.volume.hu
    body = (np.abs(spec.grid.x) < 140) & (np.abs(spec.grid.y) < 100)
    lung = (hu < -600) & (hu > -970) & body
    litres = [float(lung[:, :, side].sum()) * voxel_mm3(chest) / 1e6 for side in (slice(0, 72), slice(72, None))]

    assert 4.0 < sum(litres) < 7.0
    assert litres[0] > litres[1]


def test_contrast_makes_vessels_bright_and_leaves_bone_and_lung():
    scan = whole(slices=2, centre_mm=(0, 0, -42))
    plain, enhanced = (chest_phantom(replace(scan, contrast=given)) for given in (False, True))

    assert hu_at(enhanced, (24, 42, -42)) > 200
    assert hu_at(plain, (24, 42, -42)) < 60
    assert hu_at(enhanced, (0, 54, -42)) == pytest.approx(hu_at(plain, (0, 54, -42)), abs=5)
    assert hu_at(enhanced, (-105, 10, -42)) < -700


def test_a_scan_beside_the_patient_shows_air():
    assert (chest_phantom(near(centre_mm=(0.0, -400.0, 0.0), slices=2)).volume.hu == -1000).all()


def vessel_distance(place: tuple[float, float, float]) -> float:
    """Distance (mm) to the axis of patient 1's nearest branch of more than 1.5 mm."""
    trees = (trees_of(1).arteries, trees_of(1).veins, trees_of(1).walls)
    return min(float(np.linalg.norm(tree.at[tree.radius > 0.75] - place, axis=1).min()) for tree in trees)


def test_every_lobe_site_lies_deep_in_its_lobe_and_clear_of_larger_vessels():
    for lobe, place in LOBE_SITES.items():
        assert lung_depth_at(place) > 12, lobe
        assert truth_of(solid(position_mm=place)).lobe == lobe
        assert vessel_distance(place) > 12, lobe


# ---- truth against voxels

SHAPES = {
    "ball": solid(9.0),
    "small ball": solid(4.0),
    "egg": solid((14.0, 8.0, 10.0), turn_deg=35),
    "tilted": solid((16.0, 9.0, 7.0), turn_deg=-20, tilt_deg=50),
    "part-solid": replace(solid(14.0), type=NoduleType.PART_SOLID, solid_mm=6.0, core_offset_mm=(1.0, -1.0, 0.5)),
}


@pytest.mark.parametrize("spec", SHAPES.values(), ids=SHAPES)
def test_fractions_and_mask_have_the_true_volume(spec):
    """The fractions to half a percent, the voxels more than half inside (22 across or more) to two percent."""
    fine = min(spec.axes) / 22
    scan = near(spec, side_mm=max(spec.axes) + 2, pixel_mm=fine, slices=round((max(spec.axes) + 2) / fine))
    phantom = chest_phantom(replace(scan, spacing_mm=fine, slice_thickness_mm=1.0))
    truth, voxel = phantom.truth[0], voxel_mm3(phantom)

    assert phantom.fraction("n")[1].sum() * voxel == pytest.approx(truth.volume_mm3, rel=0.005)
    assert phantom.truth_mask("n").shape == phantom.volume.hu.shape
    assert phantom.truth_mask("n").sum() * voxel == pytest.approx(truth.volume_mm3, rel=0.02)
    if truth.solid_volume_mm3:
        assert phantom.fraction("n", core=True)[1].sum() * voxel == pytest.approx(truth.solid_volume_mm3, rel=0.005)


@pytest.mark.parametrize("spec", [SHAPES["small ball"], SHAPES["tilted"]], ids=["small ball", "tilted"])
def test_the_fractions_have_the_true_volume_on_coarse_voxels_too(spec):
    scan = near(spec, pixel_mm=0.9, slices=12, spacing_mm=2.5, slice_thickness_mm=2.5)
    phantom = chest_phantom(scan)

    assert phantom.fraction("n")[1].sum() * voxel_mm3(phantom) == pytest.approx(phantom.truth[0].volume_mm3, rel=0.005)


@settings(max_examples=15, deadline=None)
@given(
    axes=st.tuples(*[st.floats(4, 24)] * 3),
    turn=st.floats(-90, 90),
    tilt=st.floats(-90, 90),
    off=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
)
def test_long_and_short_diameter_are_those_of_the_largest_axial_section(axes, turn, tilt, off):
    """Counted on a grid of points, from second moments: an ellipse's variance along an axis is (diameter / 4)^2."""
    spec = solid(axes, turn_deg=turn, tilt_deg=tilt)
    u, v = np.meshgrid(np.arange(-13, 13, 0.05) + off[0], np.arange(-13, 13, 0.05) + off[1])
    form = spec.form
    inside = form[0, 0] * u**2 + 2 * form[0, 1] * u * v + form[1, 1] * v**2 <= 1
    short, long = 4 * np.sqrt(np.linalg.eigvalsh(np.cov(u[inside], v[inside])))
    truth = truth_of(spec)

    assert truth.long_mm == pytest.approx(long, rel=0.01)
    assert truth.short_mm == pytest.approx(short, rel=0.01)
    assert truth.mean_mm == pytest.approx((truth.long_mm + truth.short_mm) / 2)
    assert truth.long_mm <= max(axes) + 1e-6
    assert truth.short_mm >= min(axes) - 1e-6


def inner_hu(phantom: Phantom, core: bool = False) -> np.ndarray:
    """HU of the voxels wholly inside, at least 2 mm below the surface of a nodule (1.5 mm of a core)."""
    layer_mm = 1.5 if core else 2.0
    truth, spec = phantom.truth[0], phantom.spec
    z, y, x = np.meshgrid(spec.levels, spec.grid.y[:, 0], spec.grid.x[0], indexing="ij")
    nodule = spec.nodules[0]
    offset = np.array(nodule.core_offset_mm) if core else np.zeros(3)
    far = np.linalg.norm(np.stack([x, y, z], -1) - truth.position_mm - offset, axis=-1)
    return phantom.volume.hu[far < (truth.solid_mean_mm if core else truth.mean_mm) / 2 - layer_mm]


def test_a_solid_nodule_is_soft_tissue_inside():
    assert inner_hu(chest_phantom(near(solid(12.0)))).mean() == pytest.approx(30, abs=1)
    assert inner_hu(chest_phantom(near(solid(12.0, hu=-15.0)))).mean() == pytest.approx(-15, abs=1)


def test_a_non_solid_nodule_is_hazy_and_vessels_show_through_it():
    phantom = chest_phantom(near(replace(solid(24.0), type=NoduleType.NON_SOLID)))
    inside = inner_hu(phantom)

    assert np.median(inside) == pytest.approx(-620, abs=15)
    assert inside.max() > -450
    assert phantom.truth[0].solid_mean_mm is None


def test_a_part_solid_nodule_has_a_core_of_the_asked_size_in_haze():
    phantom = chest_phantom(near(SHAPES["part-solid"]))

    assert inner_hu(phantom, core=True).mean() == pytest.approx(30, abs=3)
    assert -680 < np.median(inner_hu(phantom)) < 30
    assert phantom.truth[0].solid_mean_mm == 6.0
    assert phantom.truth_mask("n", core=True).sum() * voxel_mm3(phantom) == pytest.approx(np.pi / 6 * 6**3, rel=0.05)


@pytest.mark.parametrize("pattern", Calcification)
def test_calcium_is_where_its_pattern_says(pattern):
    nodule = replace(solid(16.0), type=NoduleType.CALCIFIED, calcification=pattern)
    phantom = chest_phantom(near(nodule, side_mm=24, slices=20))
    middle = hu_at(phantom, SITE)
    ring = hu_at(phantom, (SITE[0] + 5.8, SITE[1], SITE[2]))

    assert phantom.truth[0].calcification is pattern
    assert phantom.volume.hu[phantom.truth_mask("n")].max() > 300
    if pattern in (Calcification.COMPLETE, Calcification.CENTRAL):
        assert middle > 400
    if pattern is Calcification.CONCENTRIC_RING:
        assert middle < 60
        assert ring > 250


def test_a_cavity_holds_air():
    assert hu_at(chest_phantom(near(replace(solid(20.0), type=NoduleType.CAVITARY))), SITE) < -900


@pytest.mark.parametrize(("diameter", "thickness"), [(5.0, 0.8), (5.0, 2.5), (10.0, 2.5), (10.0, 5.0)])
def test_blur_and_thick_slices_keep_a_nodules_mass(thickness, diameter):
    """What a nodule adds to the image, over its contrast with the lung, is its volume."""
    scan = near(
        solid(diameter), side_mm=26, slices=26, slice_thickness_mm=thickness, kernel_fwhm_mm=1.6, centre_mm=SITE
    )
    phantom = chest_phantom(scan)
    plain = chest_phantom(replace(scan, nodules=())).volume.hu.astype(float)
    added = (phantom.volume.hu - plain).sum() * voxel_mm3(phantom)
    contrast = 30 - plain[phantom.truth_mask("n")].mean()

    assert added / contrast == pytest.approx(phantom.truth[0].volume_mm3, rel=0.04)


def test_spicules_lie_outside_the_nodule_and_do_not_count():
    smooth, spiky = (chest_phantom(near(solid(10.0, spicules=n))) for n in (0, 14))
    extra = (spiky.volume.hu.astype(int) - smooth.volume.hu) > 150

    assert spiky.truth[0].spiculated
    assert not smooth.truth[0].spiculated
    assert spiky.truth[0].volume_mm3 == smooth.truth[0].volume_mm3
    assert 30 < extra.sum() * voxel_mm3(spiky) < 400
    assert np.array_equal(inner_hu(smooth), inner_hu(spiky))


@pytest.mark.parametrize("start", [(-108.0, 12.0, 20.0), (112.0, 20.0, -20.0), (-70.0, 20.0, -82.0)])
def test_a_juxtapleural_nodule_is_moved_until_it_touches_the_pleura(start):
    phantom = chest_phantom(
        near(solid((8.0, 8.0, 8.0), position_mm=start, juxtapleural=True), side_mm=60, pixel_mm=2.0, spacing_mm=2.0)
    )
    truth = phantom.truth[0]

    assert lung_depth_at(truth.position_mm) == pytest.approx(4.0 - 0.5, abs=0.1)
    assert truth.juxtapleural
    assert phantom.spec.nodules[0].position_mm == truth.position_mm


# ---- scanner


def bead_widths(spec: PhantomSpec) -> np.ndarray:
    """FWHM (mm) along slices, rows and columns of a 2 mm bead's image, less the bead's own width.

    Second moments about the bead's true middle, summed over four positions between the voxels: that
    sum is free of the sampling by voxels. A ball's variance is r^2 / 5.
    """
    spec = replace(spec, centre_mm=SITE)
    plain = chest_phantom(spec).volume.hu.astype(float)
    step, moments = np.array([spec.spacing_mm, spec.pixel_mm, spec.pixel_mm]), []
    for part in (np.arange(4) + 0.5) / 4 - 0.5:
        place = np.array(SITE) + part * step[::-1]
        bead = NoduleSpec("n", NoduleType.SOLID, tuple(map(float, place)), 2.0, hu=2500.0)
        phantom = chest_phantom(replace(spec, nodules=(bead,)))
        added, middle = phantom.volume.hu - plain, phantom.volume.index_of(bead.position_mm)
        profiles = [added.sum(axis=tuple(b for b in range(3) if b != a)) for a in range(3)]
        away = [np.arange(len(profile)) - m for profile, m in zip(profiles, middle, strict=True)]
        moments.append([[(p * d**2).sum(), p.sum()] for p, d in zip(profiles, away, strict=True)])
    square, mass = np.sum(moments, axis=0).T
    return np.sqrt(square / mass * step**2 - 1.0 / 5) * FWHM_OF_SD


@pytest.mark.parametrize(("fwhm", "pixel"), [(0.8, 0.7), (0.8, 0.4), (1.5, 0.7), (3.0, 0.7)])
def test_the_kernel_blurs_by_its_stated_width(fwhm, pixel):
    _, rows, columns = bead_widths(near(side_mm=16, pixel_mm=pixel, kernel_fwhm_mm=fwhm, slices=8))

    assert [rows, columns] == pytest.approx([fwhm, fwhm], rel=0.03)


@pytest.mark.parametrize(("thickness", "spacing"), [(1.0, 1.0), (2.5, 1.25), (2.5, 2.5), (1.25, 2.5), (5.0, 2.0)])
def test_slices_are_as_thick_as_stated_whatever_their_spacing(thickness, spacing):
    scan = near(
        side_mm=8, slices=round((8 + 3 * thickness) / spacing), spacing_mm=spacing, slice_thickness_mm=thickness
    )

    assert bead_widths(scan)[0] == pytest.approx(thickness, rel=0.03)


def test_a_smoother_kernel_widens_edges_step_by_step():
    widths = []
    for fwhm in (0.6, 1.5, 4.0):
        thick = {"slices": 11, "spacing_mm": 2.0, "slice_thickness_mm": 2.0}
        phantom = chest_phantom(near(solid(20.0), side_mm=40, pixel_mm=0.4, kernel_fwhm_mm=fwhm, **thick))
        edge = phantom.volume.hu[5, phantom.spec.rows // 2, phantom.spec.columns // 2 :].astype(float)
        low, high = np.median(edge[-12:]), np.median(edge[:12])
        first, last = ((edge < low + share * (high - low)).argmax() for share in (0.9, 0.1))
        widths.append(0.4 * (last - first))

    assert widths == sorted(set(widths))
    # From 90 % to 10 % a Gaussian edge takes 1.09 times its FWHM.
    assert widths[-1] == pytest.approx(1.09 * 4.0, abs=0.8)


@pytest.fixture(scope="module")
def noise_field() -> tuple[PhantomSpec, np.ndarray]:
    """Noise alone: two seeds of one patient, subtracted."""
    spec = PhantomSpec(rows=256, columns=256, pixel_mm=1.2, slices=6, noise_sd_hu=20.0, centre_mm=(0.0, 0.0, -60.0))
    first, second = (chest_phantom(replace(spec, seed=seed)).volume.hu.astype(float) for seed in (1, 2))
    return spec, (first - second) / np.sqrt(2)


def test_the_noise_has_the_asked_sd_in_the_middle_and_less_at_the_skin(noise_field):
    spec, noise = noise_field
    middle = (np.abs(spec.grid.x) < 25) & (np.abs(spec.grid.y) < 25)
    skin = (np.abs(spec.grid.x) > 135) & (np.abs(spec.grid.x) < 152) & (np.abs(spec.grid.y) < 20)

    assert noise[:, middle].std() == pytest.approx(20, rel=0.05)
    assert noise[:, middle].mean() == pytest.approx(0, abs=0.5)
    assert 0.5 * 20 < noise[:, skin].std() < 0.85 * 20


def test_a_homogeneous_organ_shows_the_asked_sd():
    scan = PhantomSpec(
        rows=128, columns=128, slices=4, noise_sd_hu=15.0, centre_mm=(2.0, -6.0, -66.0), kernel_fwhm_mm=1.4
    )
    heart = chest_phantom(scan).volume.hu[:, 40:-40, 40:-40]

    assert heart.std() == pytest.approx(15, rel=0.08)
    assert heart.mean() == pytest.approx(44, abs=3)


def test_the_noise_has_the_spectrum_of_filtered_back_projection(noise_field):
    """It rises from frequency zero and falls again with the kernel."""
    spec, noise = noise_field
    crop = noise[:, 96:160, 96:160]
    power = (np.abs(np.fft.fft2(crop)) ** 2).mean(axis=0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64, spec.pixel_mm)] * 2))

    def band(low, high):
        return power[(frequency >= low) & (frequency < high)].mean()

    assert band(0.0, 0.04) < 0.5 * band(0.15, 0.25)
    assert band(0.37, 0.42) < 0.8 * band(0.15, 0.25)


def test_overlapping_slices_share_noise_and_separate_ones_hardly():
    def neighbours(thickness):
        scan = near(side_mm=60, slices=8, slice_thickness_mm=thickness, noise_sd_hu=20.0)
        noise = (
            chest_phantom(scan).volume.hu.astype(float) - chest_phantom(replace(scan, noise_sd_hu=0.0)).volume.hu
        ).reshape(8, -1)
        return np.mean([np.corrcoef(noise[i], noise[i + 1])[0, 1] for i in range(7)])

    assert neighbours(0.5) < 0.05
    assert neighbours(3.0) > 0.6


# ---- purity


def test_the_same_specification_gives_the_same_voxels():
    spec = near(solid(), noise_sd_hu=20.0, slices=12)
    before = np.random.get_state()[1].copy()  # the global state must stay untouched

    assert np.array_equal(chest_phantom(spec).volume.hu, chest_phantom(spec).volume.hu)
    assert np.array_equal(np.random.get_state()[1], before)


def test_the_seed_changes_the_noise_only_and_the_patient_the_vessels():
    spec = near(slices=3)
    quiet = chest_phantom(spec).volume.hu

    assert np.array_equal(quiet, chest_phantom(replace(spec, seed=2)).volume.hu)
    assert not np.array_equal(quiet, chest_phantom(replace(spec, patient=2)).volume.hu)
    loud = [chest_phantom(replace(spec, seed=seed, noise_sd_hu=10.0)).volume.hu for seed in (1, 2)]
    assert not np.array_equal(*loud)


def test_a_wider_scan_shows_the_same_patient():
    """Two scans of different extent agree where they overlap: anatomy hangs on the patient, not on the grid."""
    spec = near(slices=6, side_mm=42)
    wide = replace(spec, rows=spec.rows + 20, columns=spec.columns + 20, slices=10)
    inner = chest_phantom(wide).volume.hu[2:-2, 10:-10, 10:-10].astype(int)

    margin = (slice(None), slice(6, -6), slice(6, -6))
    assert np.abs(inner - chest_phantom(spec).volume.hu)[margin].max() <= 1


def test_the_generator_shares_no_code_with_what_it_is_to_measure():
    folder = Path(inspect.getfile(phantom_module)).parent
    outside = set()
    for path in folder.glob("phantom*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                outside.add(node.module)

    assert {name for name in outside if not name.startswith("phantom")} == {"volume", "errors"}


# ---- the example, and what is refused


def test_the_bundled_example_has_its_three_nodules_where_they_are_said_to_be():
    example = bundled_example()
    truth = [truth_of(nodule) for nodule in example.nodules]

    assert [(t.type, t.mean_mm, t.solid_mean_mm) for t in truth] == [
        (NoduleType.SOLID, 9.0, None),
        (NoduleType.PART_SOLID, 12.0, 4.0),
        (NoduleType.NON_SOLID, 18.0, None),
    ]
    assert [t.lobe for t in truth] == ["right upper", "right lower", "left upper"]
    assert (example.rows, example.columns) == (512, 512)
    # In thick slices a core of 4 mm stands far above the haze about it, yet below soft tissue.
    for nodule, (low, high) in zip(truth, ((0, 60), (-300, 30), (-660, -560)), strict=True):
        only = tuple(n for n in example.nodules if n.id == nodule.id)
        around = replace(example, nodules=only, rows=40, columns=40, slices=9, noise_sd_hu=0.0)
        assert low < hu_at(chest_phantom(replace(around, centre_mm=nodule.position_mm)), nodule.position_mm) < high


BROKEN = {
    "not in a lung": (lambda: chest_phantom(near(solid(position_mm=(0.0, -30.0, -60.0)))), BadValue, "position_mm"),
    "outside the patient": (lambda: chest_phantom(near(solid(position_mm=(300.0, 0.0, 0.0)))), BadValue, "position_mm"),
    "off the slices": (
        lambda: chest_phantom(near(solid(30.0), slices=4)),
        Contradiction,
        "position_mm",
    ),
    "at infinity": (
        lambda: chest_phantom(near(solid(position_mm=(float("inf"), 0.0, 0.0)))),
        BadValue,
        "position_mm, angles, HU",
    ),
    "a type by its name": (lambda: solid(type="solid"), BadValue, "type"),
    "an HU that is no number": (lambda: solid(hu=float("nan")), BadValue, "position_mm, angles, HU"),
    "a centre nowhere": (lambda: PhantomSpec(centre_mm=(0.0, 0.0, float("inf"))), BadValue, "centre_mm"),
    "negative diameter": (lambda: solid(-1.0), BadValue, "axes_mm"),
    "core without part-solid": (lambda: solid(9.0, solid_mm=3.0), BadValue, "solid_mm"),
    "part-solid without core": (lambda: solid(9.0, type=NoduleType.PART_SOLID), BadValue, "solid_mm"),
    "core larger than nodule": (
        lambda: solid(9.0, type=NoduleType.PART_SOLID, solid_mm=9.5),
        Contradiction,
        "solid_mm",
    ),
    "core sticking out": (
        lambda: solid(9.0, type=NoduleType.PART_SOLID, solid_mm=5.0, core_offset_mm=(3.0, 0.0, 0.0)),
        Contradiction,
        "solid_mm",
    ),
    "negative spicules": (lambda: solid(spicules=-1), BadValue, "spicules"),
    "the same id twice": (lambda: PhantomSpec((solid(), solid())), Contradiction, "nodules"),
    "no slices": (lambda: PhantomSpec(slices=0), BadValue, "slices"),
    "no thickness": (lambda: PhantomSpec(slice_thickness_mm=0.0), BadValue, "slice_thickness_mm"),
    "pixels without size": (lambda: PhantomSpec(pixel_mm=float("nan")), BadValue, "pixel_mm"),
    "negative noise": (lambda: PhantomSpec(noise_sd_hu=-1.0), BadValue, "noise_sd_hu"),
    "negative seed": (lambda: PhantomSpec(seed=-1), BadValue, "seed"),
    "too many voxels": (lambda: PhantomSpec(slices=5000), TooLarge, "slices, rows, columns"),
}


@pytest.mark.parametrize(("make", "error", "field"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_drawn_is_refused_with_the_field_named(make, error, field):
    with pytest.raises(RadlogicError) as caught:
        make()

    assert type(caught.value) is error
    assert caught.value.field == field
    assert all(caught.value.as_record().values())


def test_asking_for_a_nodule_that_is_not_there_is_refused():
    phantom = chest_phantom(near(solid(), slices=12))

    with pytest.raises(BadValue, match="allowed: n\\."):
        phantom.fraction("other")
    with pytest.raises(BadValue, match="part-solid"):
        phantom.truth_mask("n", core=True)

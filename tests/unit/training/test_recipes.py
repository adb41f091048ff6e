"""Recipes: the report's numbers, defaults, and a clear word on every wrong value."""

import pytest
from support.paths import ROOT

from maskwatch import SettingError
from maskwatch.io.settings import read_settings
from maskwatch.training.recipes.classifier import Recipe, load_recipe
from maskwatch.training.recipes.detector import DetectorRecipe

RECIPES = ROOT / "recipes"


def test_the_reports_recipe_number_by_number():
    recipe = load_recipe(RECIPES / "report.yaml")
    network, augment, fit = recipe.network, recipe.augment, recipe.fit
    assert (network.alpha, network.input_side_px, network.unfrozen_layers) == (1.0, 224, 0)
    assert (network.dense_units, network.dropout) == (128, 0.5)
    assert network.value_range == (0.0, 1.0)
    assert (augment.rotation_deg, augment.zoom_ratio, augment.flip) == (20, 0.15, True)
    assert (fit.learning_rate, fit.batch_size, fit.epochs) == (1e-4, 32, 5)
    assert fit.weight_decay == 0 and not fit.cosine_decay and fit.label_smoothing == 0
    assert recipe.sampling.crops_per_epoch == 0


def test_the_scaled_recipe_differs_in_the_value_range_only():
    report, scaled = (load_recipe(RECIPES / f"{n}.yaml") for n in ("report", "report-scaled"))
    assert scaled.network.value_range == (-1.0, 1.0)
    changed = scaled.to_yaml().replace("report-scaled", "report")
    assert changed.replace("- -1.0\n  - 1.0", "- 0.0\n  - 1.0") == report.to_yaml()


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_reads_back_from_its_resolved_form(path, tmp_path):
    kind = DetectorRecipe if path.stem.startswith("detector") else Recipe
    recipe = read_settings(path, kind)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert read_settings(tmp_path / "recipe.yaml", kind) == recipe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("{", "not valid YAML"),
        ("fit: {}", "name is missing"),
        ("name: a b", "name must be letters"),
        ("name: x\ncolour: red", "recipe: unknown name; known are name, network"),
        ("name: x\nfit: {speed: 3}", r"fit: unknown name; known are learning_rate"),
        ("name: x\nfit: 3", "fit must be a mapping"),
        ("name: x\nfit: {epochs: many}", r"fit\.epochs must be a whole number"),
        ("name: x\nfit: {epochs: true}", r"fit\.epochs must be a whole number"),
        ("name: x\nfit: {epochs: 0}", r"fit\.epochs must be 1 to 10000"),
        ("name: x\nfit: {start_share: 1}", r"fit\.start_share must be 0 to 0\.95"),
        ("name: x\nfit: {learning_rate: -1}", r"fit\.learning_rate must be"),
        ("name: x\nfit: {learning_rate: fast}", r"fit\.learning_rate must be a number"),
        ("name: x\nnetwork: {input_side_px: 100}", "multiple of 16"),
        ("name: x\nnetwork: {value_range: [1, 0]}", "low < high"),
        ("name: x\nnetwork: {value_range: [1]}", r"value_range\[1\] is missing"),
        ("name: x\nnetwork: {alpha: 0.4}", "one of"),
        ("name: x\naugment: {brightness: [0, 1]}", "0 < low"),
        ("name: x\nnetwork: {value_range: [-.inf, .inf]}", "low < high, to 1000"),
        ("name: x\naugment: {brightness: [1, .inf]}", "to 100"),
        ("name: x\nsampling: {class_shares: [1, .nan, 1]}", "three numbers above 0"),
        ("name: x\nsampling: {class_shares: [1e308, 1e308, 1e308]}", "to a million"),
        ("name: x\naugment: {flip: 3}", r"augment\.flip must be true or false"),
        ("name: x\nsampling: {max_per_group: 0}", r"sampling\.max_per_group"),
        ("name: x\nsampling: {hard_times: 0}", r"sampling\.hard_times must be 1 to 100"),
        ("name: x\ncrop_margin_ratio: 3", "0 to 2"),
        ("name: ..", "name must be letters"),
        ("name: x\nseed: -1", "seed must be 0 to 4294967295"),
        ("name: x\nseed: 4294967296", "seed must be 0 to 4294967295"),
    ],
)
def test_a_wrong_recipe_names_the_file_the_setting_and_what_is_valid(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(SettingError, match=rf"bad\.yaml:(\d+:)? .*{words}") as caught:
        load_recipe(tmp_path / "bad.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["name: a/b", "name: ''", "name: ..", "name: x\nseed: -1"])
def test_a_detectors_recipe_is_held_to_the_same(tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(SettingError, match=r"bad\.yaml.*(name|seed) must be"):
        read_settings(tmp_path / "bad.yaml", DetectorRecipe)


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(SettingError, match=r"none\.yaml: cannot read"):
        load_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["2E12", ".5e3", "yes", "null", "1_000", "2026-01-01"])
def test_a_name_like_a_number_or_a_date_is_read_as_it_was_written(tmp_path, name):
    recipe = Recipe(name=name)
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(path) == recipe


@pytest.mark.parametrize("change", [".nan", ".inf", "-1"])
def test_found_boxes_are_changed_by_numbers_only(tmp_path, change):
    (tmp_path / "bad.yaml").write_text(f"name: x\nfound_change: [0.0, {change}, 0.0]")
    with pytest.raises(SettingError, match="found_change must be three numbers from"):
        read_settings(tmp_path / "bad.yaml", DetectorRecipe)

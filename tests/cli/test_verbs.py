"""The verbs around a spec's text: fmt, diff, init, show, schema, as a person calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from netspec.cli.init import template, templates
from tests.support import SPECS

MESSY = "netspec:   1\nname: x\ninput: [ 4 ]\nmodel:\n    layers:\n    - dense:   3   # three\n    - relu:\ntrain: {loss: cross_entropy, optimizer: {adam: 1e-3}}\n"
TIDY = "netspec: 1\nname: x\ninput: [4]\nmodel:\n  layers:\n    - dense: 3   # three\n    - relu\ntrain: {loss: cross_entropy, optimizer: {adam: 1.0e-3}}\n"


def netspec(*arguments: str, folder: Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from netspec.cli.main import run; run()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, input=given, check=False)


def test_fmt_writes_checks_and_reads_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(MESSY)
    done = netspec("fmt", "--check", "x.yaml", folder=tmp_path)
    assert (done.returncode, file.read_text()) == (1, MESSY)
    assert netspec("fmt", ".", folder=tmp_path).returncode == 0
    assert file.read_text() == TIDY
    assert netspec("fmt", "--check", "x.yaml", folder=tmp_path).returncode == 0
    assert netspec("fmt", "-", folder=tmp_path, given=MESSY).stdout == TIDY
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


def test_fmt_leaves_what_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("netspec: 1\nname: [\n")
    done = netspec("fmt", "x.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert "NS101" in done.stdout
    assert file.read_text() == "netspec: 1\nname: [\n"


def test_diff_tells_layers_costs_and_weights(tmp_path: Path) -> None:
    old = (SPECS / "digits-mlp.yaml").read_text()
    (tmp_path / "old.yaml").write_text(old)
    (tmp_path / "new.yaml").write_text(old.replace("epochs: ", "seed: 3\n  epochs: ").replace("dropout: 0.2", "dropout: 0.3"))
    text = netspec("diff", "old.yaml", "new.yaml", folder=tmp_path)
    assert text.returncode == 0
    assert "~ train.seed  0 -> 3" in text.stdout
    assert "still load" in text.stdout
    assert netspec("diff", "old.yaml", "old.yaml", folder=tmp_path).stdout == "the two mean the same\n"
    found = json.loads(netspec("diff", "old.yaml", "new.yaml", "--format", "json", folder=tmp_path).stdout)
    assert found["settings"]["train.seed"] == [0, 3]
    assert found["parameters"][0] == found["parameters"][1]
    assert not found["weights"]["new"]
    markdown = netspec("diff", "old.yaml", "new.yaml", "--format", "markdown", folder=tmp_path).stdout
    assert markdown.startswith("### `digits-mlp`")


def test_diff_tells_which_weights_are_lost(tmp_path: Path) -> None:
    head = "netspec: 1\nname: x\ninput: [4]\nmodel:\n  layers:\n"
    (tmp_path / "a.yaml").write_text(
        head + "    - dense: 8\n      name: stem\n    - dense: 8\n      name: old\n    - dense: 3\n      name: head\n"
    )
    (tmp_path / "b.yaml").write_text(
        head + "    - dense: 8\n      name: stem\n    - dense: 6\n      name: new\n    - dense: 3\n      name: head\n"
    )
    found = json.loads(netspec("diff", "a.yaml", "b.yaml", "--format", "json", folder=tmp_path).stdout)
    assert found["layers"]["added"] == {"new": "dense"}
    assert found["layers"]["removed"] == {"old": "dense"}
    assert found["weights"] == {
        "load": ["stem/kernel", "stem/bias", "head/bias"],
        "reshaped": ["head/kernel"],
        "new": ["new/kernel", "new/bias"],
        "gone": ["old/kernel", "old/bias"],
    }


@pytest.mark.parametrize("name", templates())
def test_init_writes_a_spec_that_validates(name: str, tmp_path: Path) -> None:
    assert netspec("init", "--from", name, "-o", "mine.yaml", folder=tmp_path).returncode == 0
    assert netspec("validate", "--strict", "mine.yaml", folder=tmp_path).returncode == 0
    assert json.loads((tmp_path / "netspec-v1.schema.json").read_text())["title"].startswith("netspec")
    assert (tmp_path / "mine.yaml").read_text().startswith("# yaml-language-server: $schema=netspec-v1.schema.json\n")
    again = netspec("init", "--from", name, "-o", "mine.yaml", folder=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_init_from_data_trains(tmp_path: Path) -> None:
    rows = "".join(
        f"{i};{i % 7 - 3.5};{'red' if i % 3 else 'blue'};{'' if i % 11 == 0 else i % 5};text {i};{'yes' if i % 7 > 3 else 'no'}\n"
        for i in range(120)
    )
    (tmp_path / "My rows.csv").write_text("id;x;colour;gaps;note;answer\n" + rows)
    done = netspec("init", "--data", "My rows.csv", "--target", "answer", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "my-rows.yaml").read_text()
    assert "inputs: {input: [x, colour, gaps]}" in text
    assert "impute" in text
    assert netspec("validate", "--strict", "my-rows.yaml", folder=tmp_path).returncode == 0
    done = netspec("train", "my-rows.yaml", "--quiet", "--run", "run", "--set", "train.epochs=30", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.onnx").exists()
    missing = netspec("init", "--data", "My rows.csv", "--target", "anser", folder=tmp_path)
    assert missing.returncode == 2
    assert "did you mean `answer`?" in missing.stderr


def test_show_draws_pictures(tmp_path: Path) -> None:
    spec = str(SPECS / "architectures" / "resnet-18.yaml")
    assert netspec("show", spec, "--graph", "net.svg", folder=tmp_path).returncode == 0
    root = ElementTree.fromstring((tmp_path / "net.svg").read_text())
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("conv2d") == 20
    assert texts.count("shortcut") == 3
    assert netspec("show", spec, "--graph", "net.mmd", "--depth", "1", folder=tmp_path).returncode == 0
    mermaid = (tmp_path / "net.mmd").read_text()
    assert mermaid.startswith("flowchart TD\n")
    assert "-->" in mermaid
    assert netspec("show", spec, "--graph", "net.png", folder=tmp_path).returncode == 2


def test_a_picture_escapes_what_a_stranger_wrote(tmp_path: Path) -> None:
    spec = "netspec: 1\nname: x\ndescription: '<script>'\ninput: [4]\nmodel: {layers: [{dense: 3}]}\n"
    (tmp_path / "x.yaml").write_text(spec)
    netspec("show", "x.yaml", "--graph", "x.svg", folder=tmp_path)
    assert "<script" not in (tmp_path / "x.svg").read_text()


def test_show_sums_up_levels(tmp_path: Path) -> None:
    spec = str(SPECS / "architectures" / "resnet-50.yaml")
    shown = netspec("show", spec, "--depth", "1", folder=tmp_path).stdout
    assert len(shown.splitlines()) < 25
    assert "25,557,032 parameters" in shown
    assert "14,964,736" in shown
    memory = netspec("show", spec, "--memory", folder=tmp_path).stdout
    assert "activations" in memory
    found = json.loads(netspec("show", spec, "--json", folder=tmp_path).stdout)
    assert found["flops"] == 2 * 4_089_184_256


def test_both_sides_of_a_pair_are_shown_with_their_sum(tmp_path: Path) -> None:
    spec = str(SPECS / "ring-gan.yaml")
    found = json.loads(netspec("show", spec, "--json", folder=tmp_path).stdout)
    sides = found["networks"]
    assert list(sides) == ["generator", "discriminator"]
    for name in ("flops", "memory_bytes"):
        assert found[name] == sum(side[name] for side in sides.values()) > 0
    trainable = [side["parameters"]["trainable"] for side in sides.values()]
    assert found["parameters"]["trainable"] == sum(trainable)
    assert all(trainable)


@pytest.mark.slow
@pytest.mark.parametrize("name", templates())
def test_every_template_trains_as_it_is(name: str, tmp_path: Path) -> None:
    assert netspec("init", "--from", name, "-o", "mine.yaml", folder=tmp_path).returncode == 0
    # `gan` is the gallery's digits-gan, which is trained to its end there.
    shorter = ["--set", "train.epochs=3"] if name == "gan" else []
    done = netspec("train", "mine.yaml", "--run", "run", *shorter, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "proven" in done.stdout


def test_the_pair_of_the_template_is_the_gallerys() -> None:
    kept = [line for line in (SPECS / "digits-gan.yaml").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in template("gan").splitlines() if not line.startswith("#")] == kept

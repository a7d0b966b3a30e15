"""What a user asks of a run: rows in the files they have them in, and text that goes on."""

from __future__ import annotations

import csv
import json
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from netspec import SpecError, export, generate, predict, train
from netspec.cli.main import application
from netspec.data.stream import in_lanes
from netspec.inference.files import read_rows
from netspec.inference.generate import Generator
from netspec.inference.run import Run
from tests.fuzz.hostile_data import sounds

COMMAND = CliRunner()
TEXT = "abcdefghijklmnopqrstuvwxyz.\n" * 100
MODELS = {
    "carried": "[{embedding: 8}, {gru: {units: 16, return_sequences: true}}, {dense: characters}]",
    "again": """[{embedding: 8}, {positional_embedding: 16}, {conv1d: {filters: 16, kernel_size: 3, padding: causal}},
      {multi_head_attention: {heads: 2, causal: true}}, {dense: characters}]""",
}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


@pytest.fixture(scope="module", params=MODELS)
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A language model that knows the alphabet."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "text.txt").write_text(TEXT)
    spec = f"""
    netspec: 1
    name: parrot
    input: {{shape: [time], vocabulary: characters}}
    model:
      layers: {MODELS[request.param]}
    data:
      source: {{text: text.txt}}
      series: {{window: 16, target: next}}
      split: {{by: time, validation: 0.1, test: 0.1}}
      preprocess: {{input: {{tokenize: {{by: character}}}}}}
    train: {{loss: cross_entropy, optimizer: {{adam: 1.0e-2}}, epochs: 30, batch_size: 16, metrics: [perplexity]}}
    """
    return train(write(folder, "parrot.yaml", spec), run=folder / "run")


def test_it_says_what_it_learnt(writer: Run) -> None:
    said = generate(writer, 60, "abcde", temperature=0)
    assert said == TEXT[5:65]


def test_a_draw_is_a_function_of_the_seed(writer: Run) -> None:
    first = generate(writer, 40, "the", temperature=3, seed=3)
    assert generate(writer, 40, "the", temperature=3, seed=3) == first
    assert len({generate(writer, 40, "the", temperature=3, seed=seed) for seed in range(4)}) == 4


def test_token_by_token_is_the_network_on_the_whole(writer: Run) -> None:
    generator = Generator(writer)
    assert generator.carries == any(node.op.type == "gru" for node in writer.program.main.nodes)
    ids = generator._ids("wxyz.\nabcdefgh")
    seen = ids[:1]
    scores = generator._scores(seen)
    found = [next(scores)]
    for token in ids[1:]:
        seen.append(token)
        found.append(next(scores))
    values, _ = writer.network.values(writer.weights, (np.asarray([ids], np.int32),))
    (port,) = writer.program.main.outputs.values()
    np.testing.assert_allclose(np.stack(found), values[port][0], rtol=1e-4, atol=1e-5)


def test_a_strange_prompt_is_refused(writer: Run) -> None:
    with pytest.raises(SpecError, match="has 'Z', 'é', which"):
        generate(writer, 5, "theZé")


def test_the_verb_writes(writer: Run, tmp_path: Path) -> None:
    arguments = ["predict", str(writer.folder.path), "--generate", "12", "--prompt", "the", "--temperature", "0"]
    shown = COMMAND.invoke(application(), arguments)
    assert shown.exit_code == 0
    assert shown.output.rstrip("\n") == "the" + generate(writer, 12, "the", temperature=0)
    again = COMMAND.invoke(application(), [*arguments, "-o", str(tmp_path / "said.txt")])
    assert again.exit_code == 0
    assert (tmp_path / "said.txt").read_text() == shown.output


def test_a_long_text_is_judged_with_its_states(writer: Run) -> None:
    """The lanes hold every window once, in the order of the text, and the run's figure is the training's own."""
    rows = [(row.tolist(), goes_on) for row, goes_on in in_lanes(35)]
    assert sorted(each for row, _ in rows for each in row) == list(range(35))
    assert all(np.all(np.subtract(b, a) == 1) for (a, _), (b, goes_on) in pairwise(rows) if goes_on)
    lines = [json.loads(line) for line in writer.folder.metrics.read_text().splitlines()]
    best = lines[writer.manifest["best_epoch"] - 1]
    assert writer.evaluate("validation").metrics["validation_perplexity"] == pytest.approx(
        best["validation_perplexity"], rel=1e-5
    )


SERIES = """
netspec: 1
name: climb
input: [4, 2]
model: {layers: [flatten, {dense: 1}]}
data:
  source: {csv: climb.csv}
  series: {columns: [height, noise], window: 4, horizon: 1}
  split: {by: time, validation: 0.1, test: 0.1}
  preprocess: {height: [{difference: 2}, standardize]}
train: {loss: mean_squared_error, optimizer: {adam: 1.0e-2}, epochs: 30, batch_size: 16}
"""


def test_a_series_is_answered_with_what_follows_it(tmp_path: Path) -> None:
    rows = [[i * 1.5 + 3, (i * 7) % 5] for i in range(200)]
    with (tmp_path / "climb.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["height", "noise"], *rows])
    run = train(write(tmp_path, "climb.yaml", SERIES), run=tmp_path / "run")
    (answer,) = run.predict(read_rows(tmp_path / "climb.csv", run))["output"]
    assert answer == pytest.approx([200 * 1.5 + 3], abs=1.0)
    short = write(tmp_path, "short.csv", "height,noise\n1,2\n2,3\n")
    with pytest.raises(SpecError, match="has 2 steps"):
        read_rows(short, run)


LABELLING = """
netspec: 1
name: signs
input: [time, 1]
model: {layers: [{rnn: {units: 8, return_sequences: true}}, {dense: 2}]}
data:
  source: {ts: {train: train.ts, test: train.ts}}
  split: {validation: 0.2}
train: {loss: cross_entropy, optimizer: {adam: 1.0e-2}, epochs: 2, batch_size: 8}
"""


def test_sequences_from_lists_and_files(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = []
    for row in range(30):
        label = row % 2
        values = generator.normal(3 if label else -3, 1, 3 + row % 5)
        lines.append(",".join(f"{v:.3f}" for v in values) + f":{'up' if label else 'down'}")
    (tmp_path / "train.ts").write_text("@problemName t\n@classLabel true down up\n@data\n" + "\n".join(lines) + "\n")
    spec = LABELLING.replace("return_sequences: true", "return_sequences: false").replace("epochs: 2", "epochs: 20")
    run = train(write(tmp_path, "signs.yaml", spec), run=tmp_path / "run")
    chances = predict(run, {"series": [[3.0, 2.5, 3.1], [-3.0, -2.0]]})["output"]
    assert chances.argmax(1).tolist() == [1, 0]
    write(tmp_path, "rows.jsonl", '{"series": [3.0, 2.5, 3.1]}\n{"series": [[-3.0], [-2.0]]}\n')
    write(tmp_path, "rows.csv", 'series\n"[3.0, 2.5, 3.1]"\n"[-3.0, -2.0]"\n')
    for name in ("rows.jsonl", "rows.csv"):
        np.testing.assert_array_equal(run.predict(read_rows(tmp_path / name, run))["output"], chances)
    assert len(run.predict(read_rows(tmp_path / "train.ts", run))["output"]) == 30
    with pytest.raises(SpecError, match=r"row 2 of `series` is \[2, 3\], but a sequence here is \[time, 1\]"):
        predict(run, {"series": [[1.0], [[1, 2, 3], [4, 5, 6]]]})
    with pytest.raises(SpecError, match="row 1 of `series`"):
        predict(run, {"series": [[]]})


SOUND = """
netspec: 1
name: tones
input: [time, 8]
model: {layers: [{gru: {units: 8}}, {dense: classes}]}
data:
  source: {wav: {path: "sounds/*.wav", name: "{tone}_{take}", rate: 4000}}
  inputs: {input: sound}
  target: tone
  split: {validation: 0.2, stratify: true}
  preprocess: {sound: [{log_mel: {rate: 4000, bands: 8}}, standardize]}
train: {loss: cross_entropy, optimizer: {adam: 1.0e-2}, epochs: 15, batch_size: 8}
"""


def test_sound_and_lines_of_text(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    for take in range(12):
        for tone, hertz in (("low", 200), ("high", 1500)):
            time = np.arange(1500 + 100 * take) / 4000
            soundfile.write(tmp_path / "sounds" / f"{tone}_{take}.wav", 0.4 * np.sin(2 * np.pi * hertz * time), 4000)
    run = train(write(tmp_path, "tones.yaml", SOUND), run=tmp_path / "run")
    soundfile.write(tmp_path / "new.wav", 0.4 * np.sin(2 * np.pi * 1500 * np.arange(2000) / 4000), 4000)
    shown = COMMAND.invoke(application(), ["predict", str(run.folder.path), str(tmp_path / "new.wav")])
    assert shown.output.splitlines()[1].startswith("high,")
    write(tmp_path, "rows.txt", "hello\n")
    refused = COMMAND.invoke(application(), ["predict", str(run.folder.path), str(tmp_path / "rows.txt")])
    assert isinstance(refused.exception, SpecError)
    assert "one column of text" in str(refused.exception)


def test_clips_shorter_than_a_window_are_proven(tmp_path: Path) -> None:
    """The one frame of a short clip reaches beyond its end: what stands there, in a batch with longer ones, is silence."""
    generator = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number, size in enumerate((90, 200, 255, 256, 2000, 4000)):
            samples = generator.normal(0, 0.1, size).astype(np.float32)
            soundfile.write(tmp_path / "sounds" / label / f"{number}.wav", samples, 8000)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "spec.json").write_text(json.dumps({"netspec": 1, "name": "clips", **sounds(), "export": {"inputs": "raw"}}))
    run = train(tmp_path / "spec.json", run=tmp_path / "run")
    exported = export(run, tmp_path / "model.onnx")
    assert exported.parity.holds

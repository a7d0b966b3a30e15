"""A line that gives each code which a spec alone cannot show, and a line that mends it: of a spec, a file or a terminal."""

OUTSIDE: dict[str, tuple[str, str]] = {
    "NS001": (
        "netspec validate digits.yml  # the file is called digits.yaml",
        "netspec validate digits.yaml",
    ),
    "NS002": (
        "data: {source: {inline: {rows: [...]}}}  # 2 MiB of rows",
        "data: {source: {csv: rows.csv}}",
    ),
    "NS003": (
        "layers: [{residual: [{residual: [{residual: ...}]}]}]  # 40 of them",
        "blocks: {unit: {layers: [{residual: [relu]}]}}  # and calls of it",
    ),
    "NS004": (
        "repeat: {times: 20k, layers: [{dense: 8}]}",
        "repeat: {times: 20, layers: [{dense: 8}]}",
    ),
    "NS005": (
        "netspec validate spec.yaml  # saved as Latin-1",
        "netspec validate spec.yaml  # saved as UTF-8",
    ),
    "NS006": (
        "csv: ../../home/rows.csv",
        "csv: rows.csv  # and: netspec train spec.yaml --data-root ../../home",
    ),
    "NS007": (
        "batch_size: 1M  # of pictures",
        "batch_size: 64",
    ),
    "NS008": (
        "netspec validate notes.yaml  # it has no `netspec: 1`",
        "netspec validate specs/",
    ),
    "NS009": (
        "netspec validate spec.yaml  # sixty mistakes",
        "netspec validate spec.yaml  # mend the first ones, then look again",
    ),
    "NS311": (
        "netspec train spec.yaml --set train.optimiser=sgd.0",
        "netspec train spec.yaml --set train.optimizer=sgd",
    ),
    "NS410": (
        "netspec compile spec.yaml  # input: [time, 4], flattened",
        "netspec compile spec.yaml --dim time=24",
    ),
    "NS412": (
        "dims: {time: {max: 50}}  # the data have 64 steps",
        "dims: {time: {max: 64}}",
    ),
    "NS414": (
        "layers: [{permute: [2, 1]}, {dense: 2}]  # of sequences of unequal lengths",
        "layers: [global_avg_pool, {dense: 2}]",
    ),
    "NS501": (
        "csv: row.csv  # the file is called rows.csv",
        "csv: rows.csv",
    ),
    "NS502": (
        "target: Species  # the header says species",
        "target: species",
    ),
    "NS503": (
        "numbers: standardize  # some cells are empty",
        "numbers: [{impute: median}, standardize]",
    ),
    "NS504": (
        "split: {test: 0.05}  # of ten rows",
        "split: {test: 0.2}",
    ),
    "NS506": (
        "output: 2  # the target has 3 classes",
        "output: 3",
    ),
    "NS507": (
        "input: [28, 28, 1]  # the pictures are in color",
        "input: [28, 28, 3]",
    ),
    "NS509": (
        "1,2,3,4  # a row of four cells below a header of three",
        "1,2,3",
    ),
    "NS510": (
        "netspec train spec.yaml  # it has no `data`",
        "netspec train spec.yaml  # with `data: {source: {csv: rows.csv}, target: species}`",
    ),
    "NS512": (
        "preprocess: {number: standardize}",
        "preprocess: {numbers: standardize}",
    ),
    "NS513": (
        "preprocess: {city: standardize}  # a column of names",
        "preprocess: {city: one_hot}",
    ),
    "NS514": (
        "input: {shape: [20], vocabulary: 1000}  # an id is 1000",
        "input: {shape: [20], vocabulary: 1001}",
    ),
    "NS517": (
        "series: {window: 240}  # of a series of 100 steps",
        "series: {window: 24}",
    ),
    "NS518": (
        "decoder: [{dense: {units: 64, activation: sigmoid}}]  # pixels from 0 to 255",
        "preprocess: {images: {rescale: {from: [0, 255], to: [0, 1]}}}",
    ),
    "NS520": (
        "optimizer: {sgd: 10.0}",
        "optimizer: {sgd: 0.01}  # and: gradient: {clip_norm: 1.0}",
    ),
    "NS530": (
        "netspec train spec.yaml --run runs/a --resume  # its checkpoints were cut short",
        "netspec train spec.yaml  # a new run",
    ),
    "NS531": (
        "netspec evaluate runs",
        "netspec evaluate runs/digits-cnn",
    ),
    "NS532": (
        "netspec train spec.yaml --run runs/a  # it is finished",
        "netspec train spec.yaml --run runs/b",
    ),
    "NS533": (
        "netspec export runs/digits-cnn -o /digits.onnx  # not ours to write",
        "netspec export runs/digits-cnn -o digits.onnx",
    ),
    "NS534": (
        "netspec train spec.yaml --run runs/a --resume  # with another batch_size",
        "netspec train spec.yaml --run runs/a --resume --allow-change train.batch_size",
    ),
    "NS535": (
        "netspec train spec.yaml --device gpu  # there is none",
        "netspec train spec.yaml --device cpu",
    ),
    "NS536": (
        "pip install netspec-compiler; netspec train spec.yaml",
        "pip install 'netspec-compiler[all]'; netspec train spec.yaml",
    ),
    "NS537": (
        "initialize: {from: digits/best, layers: {encoder: encoder}}  # of another width",
        "the same layers in both specs",
    ),
    "NS545": (
        "generator: {optimizer: {adam: 0.1}}",
        "generator: {optimizer: {adam: 2.0e-4}}",
    ),
    "NS546": (
        "discriminator: {optimizer: {adam: 0.01}, steps: 5}",
        "discriminator: {optimizer: {adam: 2.0e-4}}",
    ),
    "NS547": (
        "early_stopping: {monitor: validation_roc_auc}  # a part with one class",
        "split: {validation: 0.2, stratify: true}",
    ),
    "NS552": (
        "netspec train spec.yaml --run runs/a --resume --set train.epochs=20  # after 10 of a cosine",
        "netspec train spec.yaml --set train.epochs=20",
    ),
    "NS553": (
        "target: left  # classes: churn and stay",
        "target: left\npositive: churn",
    ),
    "NS601": (
        "netspec export runs/digits-cnn  # a defect of netspec: please report it",
        "netspec export runs/digits-cnn --inputs prepared",
    ),
    "NS602": (
        "netspec export runs/sentences  # its text is cut by a rule that ONNX has not",
        "netspec export runs/sentences --inputs prepared",
    ),
    "NS603": (
        "netspec verify resnet50.onnx  # made by another tool",
        "netspec verify digits-cnn.onnx",
    ),
    "NS604": (
        "netspec verify digits-cnn.onnx  # changed after the export",
        "netspec export runs/digits-cnn -o digits-cnn.onnx",
    ),
    "NS705": (
        "onnx_size: {max: 20KB}  # the file has 31 kB",
        "onnx_size: {max: 40KB}",
    ),
    "NS706": (
        "metrics: {test_accuracy: {min: 0.99}}  # it is 0.97",
        "metrics: {test_accuracy: {min: 0.95}}",
    ),
    "NS901": (
        "netspec validate spec.yaml  # a defect of netspec: please report it",
        "netspec validate spec.yaml  # of a version in which it is mended",
    ),
}

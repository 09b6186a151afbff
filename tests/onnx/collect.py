"""Writes ONNX's own tests, which come with its package, into a folder: `python collect.py FOLDER`."""

import shutil
import sys
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def write(path, value, name):
    """Converts values that are not tensors; the caller skips a case where this fails."""
    tensor = value if isinstance(value, TensorProto) else numpy_helper.from_array(numpy.asarray(value), name)
    path.write_bytes(tensor.SerializeToString())


def main(folder):
    shipped = Path(onnx.__file__).parent / "backend/test/data"
    for kind in ["pytorch-converted", "pytorch-operator", "simple", "light"]:
        shutil.copytree(shipped / kind, folder / kind, dirs_exist_ok=True)
    for case in collect_testcases(None):
        place = folder / "node" / case.name
        try:
            for number, sets in enumerate(case.data_sets):
                data = place / f"test_data_set_{number}"
                data.mkdir(parents=True, exist_ok=True)
                infos = [case.model.graph.input, case.model.graph.output]
                for kind, values, names in zip(["input", "output"], sets, infos):
                    for index, value in enumerate(values):
                        write(data / f"{kind}_{index}.pb", value, names[index].name)
            (place / "model.onnx").write_bytes(case.model.SerializeToString())
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:  # sequences, optional values
            shutil.rmtree(place, ignore_errors=True)
            print(f"left out: {case.name}: {error}", file=sys.stderr)


main(Path(sys.argv[1]))

"""The IR and what is known of it before anything runs: names, shapes, weights, costs."""

from netspec.graph.build import build
from netspec.graph.ir import Graph, Node, Port, Program

__all__ = ["Graph", "Node", "Port", "Program", "build"]

"""The proof that an exported file and the network are the same."""

from netspec.proof.export import Exported, export
from netspec.proof.parity import Parity, prove

__all__ = ["Exported", "Parity", "export", "prove"]

"""The PyTorch reference of Denoscope's joint classification–denoising network."""

from .checkpoint import CheckpointError, fill, load, store
from .description import Architecture, Description, Image, SigmaRange, Stem, preset
from .model import JointNetwork

__all__ = [
    "Architecture",
    "CheckpointError",
    "Description",
    "Image",
    "JointNetwork",
    "SigmaRange",
    "Stem",
    "fill",
    "load",
    "preset",
    "store",
]

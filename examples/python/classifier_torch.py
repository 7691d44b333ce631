"""A torchvision classifier: any function from normalised pictures to logits is a model.

denoscope --model python:examples/python/classifier_torch.py
"""

import os

from torchvision import models

# WEIGHTS=none does without the download: random weights, to see that everything works.
weights = None if os.environ.get("WEIGHTS") == "none" else models.ResNet18_Weights.IMAGENET1K_V1
model = models.resnet18(weights=weights)
classes = weights.meta["categories"] if weights else 1000
shape = (3, 224, 224)
mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def logits(x):
    """[N, 3, 224, 224], normalised by mean and std, to [N, 1000]."""
    return model(x)

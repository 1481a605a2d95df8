"""Networks by name: functions that give a model, not compiled, with fresh weights.

``classifier_activation`` is that of the last layer (None: logits); there are no pretrained weights.
"""

from gpunn.applications.convolutional import FashionCNN, LeNet5
from gpunn.applications.resnet import ResNet

__all__ = ["FashionCNN", "LeNet5", "ResNet"]

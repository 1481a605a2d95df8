"""Networks by name: functions that give a model, not compiled, with fresh weights.

``classifier_activation`` is that of the last layer (None: logits). The first three are for small images; the others are Keras's, for
ImageNet, with its weights if asked for.
"""

from gpunn.applications.bottleneck import ResNet50, ResNet50V2, ResNet101, ResNet101V2, ResNet152, ResNet152V2
from gpunn.applications.convolutional import FashionCNN, LeNet5
from gpunn.applications.mobilenet import MobileNet, MobileNetV2
from gpunn.applications.resnet import ResNet
from gpunn.applications.vgg import VGG16, VGG19

__all__ = [
    "VGG16", "VGG19", "FashionCNN", "LeNet5", "MobileNet", "MobileNetV2", "ResNet", "ResNet50", "ResNet50V2", "ResNet101", "ResNet101V2",
    "ResNet152", "ResNet152V2",
]
__dir__ = __all__.copy

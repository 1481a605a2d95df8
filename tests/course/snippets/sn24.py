# Deck 2, ImageDataGenerator: underscores and a parenthesis added.
from keras.preprocessing.image import ImageDataGenerator
# Initialize ImageDataGenerator with specified augmentation parameters
datagen = ImageDataGenerator(
    rotation_range=40, # Degree range for random rotations
    width_shift_range=0.2, # Fraction of total width for horizontal shifts
    height_shift_range=0.2, # Fraction of total height for vertical shifts
    shear_range=0.2, # Shear intensity (shear angle in radians)
    zoom_range=0.2, # Range for random zoom (fraction of original size)
    horizontal_flip=True, # Randomly flip inputs horizontally
    fill_mode='nearest' # Strategy for filling in newly created pixels
)

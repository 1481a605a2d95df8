# Deck 3, ReduceLROnPlateau: its name spelt right, the import added.
import tensorflow as tf
reduce_lr = tf.keras.callbacks.ReduceLROnPlateau()

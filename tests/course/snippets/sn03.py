# Deck 0, Sequential model: as printed.
from keras.models import Sequential

model = Sequential()

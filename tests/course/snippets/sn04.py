# Deck 0, image classification: as printed; num_classes is the reader's.
from keras.models import Sequential
from keras.layers import Dense, Activation, Dropout

model = Sequential()
model.add(Dense(512, activation = 'relu', input_shape = (784,)))
model.add(Dropout(0.2))
model.add(Dense(num_classes, activation = 'softmax'))
